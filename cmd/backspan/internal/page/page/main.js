// The controls, the theme, the printer.

const THEMES = ['', 'light', 'dark'];

function listenToTheme() {
  const button = byId('theme');
  let theme = '';
  try {
    theme = localStorage.getItem('backspan-theme') || '';
  } catch {
    // A page without an origin has no storage; then the choice lasts as long as the page.
  }
  const set = (name) => {
    theme = THEMES.includes(name) ? name : '';
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    button.textContent = 'Theme: ' + (theme || 'system');
  };
  set(theme);
  button.hidden = false;
  button.addEventListener('click', () => {
    set(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
    try {
      localStorage.setItem('backspan-theme', theme);
    } catch {
      // as above
    }
  });
}

const maxOpened = 200; // rows; a longer page opens on what was retried or failed
let opened = false;

const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

function changed() {
  filter();
  grid.scrollTop = 0;
  refresh();
}

function listenToFilter() {
  const search = byId('search');
  search.addEventListener('input', () => {
    wanted.words = wordsOf(search.value);
    changed();
  });
  byId('retried').addEventListener('change', (e) => {
    wanted.retried = e.target.checked;
    changed();
  });
  const count = new Map();
  for (const r of rows) if (canRetry(r)) count.set(r.state, (count.get(r.state) || 0) + 1);
  if (count.size > 1) {
    for (const state of Object.keys(WORDS)) if (count.has(state)) byId('states').append(chip(state, count.get(state)));
  }
  const some = rows.some((r) => r.made > 1 || r.failed);
  byId('retried').closest('label').hidden = !some;
  opened = some && rows.length > maxOpened;
  byId('retried').checked = wanted.retried = opened;
  byId('everything').addEventListener('click', () => {
    clearFilter();
    changed();
    byId('retried').focus();
  });
  byId('cause').addEventListener('click', () => {
    only(0);
    changed();
    byId('search').focus();
  });
}

// clearFilter makes every row fit.
function clearFilter() {
  byId('search').value = '';
  byId('retried').checked = wanted.retried = false;
  wanted.words = [];
  wanted.states.clear();
  for (const button of byId('states').children) button.setAttribute('aria-pressed', 'false');
  only(0);
}

// only takes a class of errors into the filter; 0 is all of them.
function only(cause, text = '') {
  wanted.cause = cause;
  byId('cause').hidden = cause === 0;
  byId('cause').replaceChildren(icon('failed'), el('bdi', '', text), el('span', '', '×'));
}

function chip(state, n) {
  const button = el('button', 'chip ' + state, icon(state), WORDS[state] + ' ', el('span', 'n', String(n)));
  button.type = 'button';
  button.dataset.state = state;
  button.firstChild.setAttribute('aria-hidden', 'true');
  button.setAttribute('aria-pressed', 'false');
  button.addEventListener('click', () => {
    const on = !wanted.states.has(state);
    button.setAttribute('aria-pressed', String(on));
    if (on) wanted.states.add(state);
    else wanted.states.delete(state);
    changed();
  });
  return button;
}

function listenToFold() {
  byId('fold').addEventListener('click', () => {
    foldAll(!folded.all);
    grid.scrollTop = 0;
    refresh();
  });
}

// A name in the table of operations finds its rows, and an error those that failed with it.
function linkTables() {
  const link = (cell, take) => {
    const button = el('button', 'link', cell.firstChild);
    button.type = 'button';
    button.title = 'Find in the waterfall';
    button.addEventListener('click', () => {
      clearFilter();
      take(button.textContent);
      changed();
      byId('waterfall').scrollIntoView();
      go(shown.find((r) => r.hit) || shown[0]);
    });
    cell.prepend(button);
  };
  for (const cell of document.querySelectorAll('th.name')) {
    link(cell, (name) => {
      byId('search').value = name;
      wanted.words = wordsOf(name);
    });
  }
  for (const cell of document.querySelectorAll('th.cause')) link(cell, (text) => only(Number(cell.dataset.class), text));
}

// On paper there is nothing to point at or to unfold: every row is there, and every error in full.
function listenToPrinter() {
  let before = null;
  const print = (yes) => {
    if (yes === printing) return;
    printing = yes;
    if (yes) {
      before = { folded, from: view.from, to: view.to };
      folded = new Set();
      Object.assign(view, whole);
    } else {
      folded = before.folded;
      Object.assign(view, { from: before.from, to: before.to });
    }
    body.classList.toggle('paper', yes);
    choose();
    refresh();
  };
  window.addEventListener('beforeprint', () => print(true));
  window.addEventListener('afterprint', () => print(false));
}

function listenToKeys() {
  document.addEventListener('keydown', (e) => {
    if (e.key === 'Escape') {
      if (!tip.hidden) untell();
      else closeInspector(inspector.contains(document.activeElement) || body.contains(document.activeElement));
    } else if (e.key === '/' && !/^(input|textarea|select)$/i.test(e.target.tagName)) {
      e.preventDefault();
      byId('search').focus();
    }
  });
}

byId('picture').hidden = false;
byId('text').open = false;
listenToTheme();
listenToFilter();
listenToFold();
listenToRows();
listenToZoom();
listenToKeys();
listenToPrinter();
linkTables();
filter();
refresh();
let width = 0;
new ResizeObserver(() => {
  if (grid.clientWidth === width || printing) return;
  width = grid.clientWidth;
  refresh();
}).observe(grid);
