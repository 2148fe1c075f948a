// The rows in sight. Only they have elements.

const grid = byId('grid');
const body = byId('body');
const elements = new Map(); // row -> its element
let active = rows[0]; // the row that the keyboard is at
let rowHeight = 28;
let whatWidth = 400; // pixels, measured
let printing = false;
const maxPrinted = 2000; // rows; a browser lays out many more for minutes, for hundreds of pages that nobody reads

function rowElement(r) {
  const open = !folded.has(r);
  const inner = r.keptChildren > 0;
  const e = el('div', 'row ' + (r.kind || 'other') + (r.failed ? ' failed' : '') + (r.hit ? '' : ' context'));
  e.setAttribute('role', 'row');
  e.setAttribute('aria-level', r.level + 1);
  e.setAttribute('aria-rowindex', r.at + 2);
  e.setAttribute('aria-posinset', r.position);
  e.setAttribute('aria-setsize', r.up ? r.up.keptChildren : roots);
  if (inner) e.setAttribute('aria-expanded', String(open));
  e.tabIndex = r === active ? 0 : -1;
  e.style.setProperty('--level', Math.min(r.level, 12));
  e.dataset.row = r.index;

  const what = el('div', 'what', el('span', inner ? 'twist' : 'twist none'), icon(r.state));
  what.append(el('bdi', 'name', ...marked(r.name, wanted.words)));
  const said = r.said || '';
  const error = noteError(r);
  const word = wanted.words.find((w) => r.error && r.error.toLowerCase().includes(w));
  if (said) what.append(el('span', 'said ' + r.state, said));
  if (error) what.append(el('bdi', 'error', ...marked(word ? excerpt(error, word) : shorten(error, letters(r, said)), wanted.words)));
  const took = r.state === 'skipped' && !r.took ? '' : r.open || r.unbegun ? '…' : duration(r.took);
  const chart = el('div', 'chart');
  draw(chart, r);
  e.append(what, el('div', 'took', took), el('div', 'waited', r.waited ? duration(r.waited) : ''), chart);
  for (const cell of e.children) cell.setAttribute('role', 'gridcell');
  if (printing && r.error) e.append(el('div', 'full', el('bdi', '', r.error)));
  return e;
}

// letters is about how many letters of an error fit beside a row's name.
function letters(r, said) {
  const letter = 6.8;
  const taken = Math.min(r.level, 12) * 17 + 48 + (r.name.length + said.length) * 7.4;
  return Math.max(14, Math.floor((whatWidth - taken) / letter));
}

// render makes the rows in sight, and lets go of all others but the active one, which keeps the focus.
function render() {
  const from = printing ? 0 : Math.max(0, Math.floor(grid.scrollTop / rowHeight) - 10);
  const to = printing ? Math.min(shown.length, maxPrinted) : Math.min(shown.length, from + Math.ceil(grid.clientHeight / rowHeight) + 20);
  for (const [r, e] of elements) {
    if (!r.shown || ((r.at < from || r.at >= to) && r !== active)) {
      e.remove();
      elements.delete(r);
    }
  }
  const fresh = document.createDocumentFragment();
  const add = (r) => {
    if (elements.has(r)) return;
    const e = rowElement(r);
    e.style.top = r.at * rowHeight + 'px';
    elements.set(r, e);
    fresh.append(e);
  };
  if (active && active.shown && !printing) add(active);
  for (let i = from; i < to; i++) add(shown[i]);
  if (printing && to < shown.length) {
    fresh.append(el('p', 'hint beyond', plural(shown.length - to, 'more row is', 'more rows are') + ' not printed; a search or a filter chooses others.'));
  }
  body.append(fresh);
}

// refresh draws everything anew: after a filter, a fold, a zoom, a resize.
function refresh() {
  const focused = body.contains(document.activeElement);
  if (!active || !active.shown) active = shown[0];
  for (const e of elements.values()) e.remove();
  elements.clear();
  for (const e of body.querySelectorAll('.beyond')) e.remove();
  rowHeight = parseFloat(getComputedStyle(grid).getPropertyValue('--row')) || 28;
  body.style.height = printing ? '' : shown.length * rowHeight + 'px';
  grid.setAttribute('aria-rowcount', shown.length + 1);
  chartWidth = printing ? 280 : byId('axis').clientWidth || chartWidth; // paper is narrow, whatever the screen
  whatWidth = grid.querySelector('.head .what').clientWidth || grid.clientWidth - 80;
  drawAxis();
  render();
  if (focused && active) elements.get(active).focus({ preventScroll: true });
  byId('fold').setAttribute('aria-pressed', String(Boolean(folded.all)));
  byId('count').textContent = !filtering() ? plural(rows.length, 'row', 'rows')
    : hits === 0 ? 'nothing fits: clear the search or the filters'
      : hits + ' of ' + plural(rows.length, 'row fits', 'rows fit');
}

// go moves the keyboard to a row: into sight, told, focused.
function go(r) {
  if (!r) return;
  const before = elements.get(active);
  if (before) before.tabIndex = -1;
  active = r;
  const head = grid.firstElementChild.offsetHeight;
  const top = r.at * rowHeight;
  if (top < grid.scrollTop) grid.scrollTop = top;
  else if (top + rowHeight > grid.scrollTop + grid.clientHeight - head) {
    grid.scrollTop = top + rowHeight - grid.clientHeight + head;
  }
  render();
  const e = elements.get(r);
  e.tabIndex = 0;
  e.focus({ preventScroll: true });
  e.scrollIntoView({ block: 'nearest' });
}

const page = () => Math.max(1, Math.floor(grid.clientHeight / rowHeight) - 2);

const moves = {
  ArrowDown: () => go(shown[Math.min(active.at + 1, shown.length - 1)]),
  ArrowUp: () => go(shown[Math.max(active.at - 1, 0)]),
  PageDown: () => go(shown[Math.min(active.at + page(), shown.length - 1)]),
  PageUp: () => go(shown[Math.max(active.at - page(), 0)]),
  Home: () => go(shown[0]),
  End: () => go(shown[shown.length - 1]),
  ArrowRight: () => {
    if (active.keptChildren === 0) return;
    if (folded.has(active)) turn(active);
    else go(shown[active.at + 1]);
  },
  ArrowLeft: () => {
    if (active.keptChildren > 0 && !folded.has(active)) turn(active);
    else if (active.up) go(active.up);
  },
  Enter: () => inspect(active, true),
  ' ': () => inspect(active, true),
};

function turn(r) {
  active = r;
  fold(r, !folded.has(r));
  refresh();
  tell(r);
}

const rowOf = (target) => {
  const e = target.closest && target.closest('.row');
  return e && body.contains(e) ? e : null;
};

function listenToRows() {
  let frame = 0;
  grid.addEventListener('scroll', () => {
    untell();
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      render();
    });
  }, { passive: true });

  grid.addEventListener('keydown', (e) => {
    if (!rowOf(e.target) || e.ctrlKey || e.metaKey || e.altKey) return;
    const move = moves[e.key];
    if (move) {
      e.preventDefault();
      move();
    }
  });
  body.addEventListener('focusin', (e) => {
    const row = rowOf(e.target);
    if (!row) return;
    const r = rows[row.dataset.row];
    if (r !== active) {
      const before = elements.get(active);
      if (before) before.tabIndex = -1;
      active = r;
      row.tabIndex = 0;
    }
    tell(r);
    row.setAttribute('aria-describedby', 'tip');
    if (row.matches(':focus-visible')) point(row, row.querySelector('.name').getBoundingClientRect().left);
  });
  body.addEventListener('focusout', untell);

  body.addEventListener('click', (e) => {
    const row = rowOf(e.target);
    if (!row) return;
    const r = rows[row.dataset.row];
    if (e.target.closest('.twist') && r.keptChildren > 0) turn(r);
    else inspect(r);
  });
  body.addEventListener('dblclick', (e) => {
    const row = rowOf(e.target);
    if (row) zoomTo(rows[row.dataset.row]);
  });

  // The tip stays while one moves onto it, to read it or to copy from it.
  let timer = 0;
  const later = (f, ms) => {
    clearTimeout(timer);
    timer = setTimeout(f, ms);
  };
  body.addEventListener('pointerover', (e) => {
    const row = rowOf(e.target);
    if (!row || e.pointerType === 'touch' || e.buttons) return;
    later(() => {
      if (!row.isConnected) return;
      tell(rows[row.dataset.row]);
      point(row, e.clientX);
    }, tip.hidden ? 120 : 40);
  });
  body.addEventListener('pointerleave', () => later(untell, 200));
  tip.addEventListener('pointerenter', () => clearTimeout(timer));
  tip.addEventListener('pointerleave', () => later(untell, 200));
}
