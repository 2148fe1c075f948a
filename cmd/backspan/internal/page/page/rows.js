// The rows in sight. Only they have elements.

const grid = byId('grid');
const body = byId('body');
const elements = new Map(); // row -> its element
let active = rows[0]; // the row that the keyboard is at
let rowHeight = 28; // of a row whose words fit into one line
let whatWidth = 400; // pixels, measured
let printing = false;
const maxPrinted = 2000; // rows; a browser lays out many more for minutes, for hundreds of pages that nobody reads
const phone = matchMedia('screen and (max-width: 760px)'); // as in the style: the words wrap, and the chart is below them

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
  e.dataset.row = r.index;
  const chart = el('div', 'chart');
  draw(chart, r);
  e.append(...words(e, r, noteOf(r)), el('div', 'waited', r.waited ? duration(r.waited) : ''), chart);
  for (const cell of e.children) cell.setAttribute('role', 'gridcell');
  if (printing && r.error) e.append(el('div', 'full', el('bdi', '', r.error)));
  return e;
}

// noteOf is what stands beside the name of a row, or below it: how it ended, its error, what happened to the wait.
function noteOf(r) {
  const of = noteError(r);
  const said = r.said || '';
  const wait = (r.wait && r.wait.said) || '';
  let error = '';
  if (of) {
    error = ofPhase(of) ? of.reason || of.error : briefly(of, (text) =>
      phone.matches ? text.length < 240 : text.length < 400 && textWidth(text, 13, 400) < roomFor(r, said));
    const found = wanted.words.find((w) => of.error && of.error.toLowerCase().includes(w));
    if (found && !error.toLowerCase().includes(found)) error = excerpt(of.error, found);
  }
  return { said, error, wait };
}

// words are the cells of a row with its words.
function words(e, r, note) {
  e.style.setProperty('--level', Math.min(r.level, 12));
  const name = el('bdi', 'name', ...marked(r.name, wanted.words));
  const what = el('div', 'what', el('div', 'lead', el('span', r.keptChildren > 0 ? 'twist' : 'twist none'), icon(r.state), name));
  if (note.said || note.error || note.wait) {
    const beside = el('div', 'note');
    if (note.said) beside.append(el('span', 'said ' + r.state, note.said));
    if (note.error) beside.append(el('bdi', 'error', ...marked(note.error, wanted.words)));
    if (note.wait) beside.append(el('span', 'cut', note.wait));
    what.append(beside);
  }
  const took = r.state === 'skipped' && !r.took ? '' : r.open || r.unbegun ? '…' : duration(r.took);
  return [what, el('div', 'took', took)];
}

const ruler = document.createElement('canvas').getContext('2d');
const family = getComputedStyle(document.body).fontFamily;

function textWidth(text, size, weight) {
  ruler.font = weight + ' ' + size + 'px ' + family;
  return ruler.measureText(text).width;
}

// roomFor is how wide the error of a row may be, in pixels, so that it is read to its end.
function roomFor(r, said) {
  const gap = 7.2;
  const cell = whatWidth - Math.min(r.level, 12) * 16.8;
  const lead = 41 + textWidth(r.name, 14, r.kind === 'run' || r.kind === 'phase' ? 650 : 400);
  return cell - Math.min(lead, 0.6 * cell) - gap - (said ? textWidth(said, 13, 400) + gap : 0) - 2;
}

// Where the rows are: tops[i] is where shown[i] begins, and the last one is the height of all.
let tops = new Float64Array(1);
const heights = new Map(); // the words of a row that wrap, and their level -> how high the row is
let heightsWidth = 0; // of the grid for which heights holds

function place() {
  rowHeight = parseFloat(getComputedStyle(grid).getPropertyValue('--row')) || 28;
  const keys = phone.matches && !printing ? measure() : null;
  tops = new Float64Array(shown.length + 1);
  shown.forEach((r, i) => {
    tops[i + 1] = tops[i] + (keys && keys[i] ? heights.get(keys[i]) : rowHeight);
  });
}

// measure has the browser lay out all rows that may need more than one line, those that are alike once.
function measure() {
  if (heightsWidth !== grid.clientWidth) heights.clear();
  heightsWidth = grid.clientWidth;
  const probes = new Map();
  const keys = shown.map((r) => {
    const note = noteOf(r);
    if (!note.said && !note.error && !note.wait && r.name.length < 20) return '';
    const key = [Math.min(r.level, 12), r.name, note.said, note.error, note.wait, r.kind].join('\n');
    if (!heights.has(key) && !probes.has(key)) {
      const e = el('div', 'row probe ' + (r.kind || 'other'));
      e.append(...words(e, r, note));
      probes.set(key, e);
    }
    return key;
  });
  body.append(...probes.values());
  for (const [key, e] of probes) heights.set(key, e.offsetHeight);
  for (const e of probes.values()) e.remove();
  return keys;
}

// rowAt is the place in shown of the row at a height.
function rowAt(y) {
  let low = 0;
  let high = shown.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tops[middle + 1] <= y) low = middle + 1;
    else high = middle;
  }
  return low;
}

// render makes the rows in sight, and lets go of all others but the active one, which keeps the focus.
function render() {
  const from = printing ? 0 : Math.max(0, rowAt(grid.scrollTop) - 10);
  const to = Math.min(shown.length, printing ? maxPrinted : rowAt(grid.scrollTop + grid.clientHeight) + 10);
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
    e.style.top = tops[r.at] + 'px';
    if (!printing) e.style.height = tops[r.at + 1] - tops[r.at] + 'px';
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
  whatWidth = grid.querySelector('.head .what').clientWidth || grid.clientWidth - 80;
  place();
  body.style.height = printing ? '' : tops[shown.length] + 'px';
  grid.setAttribute('aria-rowcount', shown.length + 1);
  chartWidth = printing ? 280 : byId('axis').clientWidth || chartWidth; // paper is narrow, whatever the screen
  drawAxis();
  render();
  if (focused && active) elements.get(active).focus({ preventScroll: true });
  byId('fold').setAttribute('aria-pressed', String(Boolean(folded.all)));
  byId('count').textContent = !filtering() ? plural(rows.length, 'row', 'rows')
    : hits === 0 ? 'nothing fits: clear the search or the filters'
      : hits + ' of ' + plural(rows.length, 'row fits', 'rows fit');
  byId('opened').hidden = !(opened && wanted.retried);
}

// go moves the keyboard to a row: into sight, told, focused.
function go(r) {
  if (!r) return;
  const before = elements.get(active);
  if (before) before.tabIndex = -1;
  active = r;
  const head = grid.firstElementChild.offsetHeight;
  const top = tops[r.at];
  const end = tops[r.at + 1];
  if (top < grid.scrollTop) grid.scrollTop = top;
  else if (end > grid.scrollTop + grid.clientHeight - head) grid.scrollTop = end - grid.clientHeight + head;
  render();
  const e = elements.get(r);
  e.tabIndex = 0;
  e.focus({ preventScroll: true });
  e.scrollIntoView({ block: 'nearest' });
}

// page is the place of the row a screen away from the active one.
function page(direction) {
  const at = rowAt(tops[active.at] + direction * (grid.clientHeight - 2 * rowHeight));
  return Math.min(Math.max(0, at), shown.length - 1);
}

const moves = {
  ArrowDown: () => go(shown[Math.min(active.at + 1, shown.length - 1)]),
  ArrowUp: () => go(shown[Math.max(active.at - 1, 0)]),
  PageDown: () => go(shown[page(1)]),
  PageUp: () => go(shown[page(-1)]),
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
