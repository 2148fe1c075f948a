// Which rows are in the picture.

const wanted = { words: [], states: new Set(), retried: false, cause: 0 };
let folded = new Set(); // rows whose children are not shown
const unfiltered = folded; // the folds to come back to after a search
let shown = []; // the rows in the picture, from above
let hits = 0;
let roots = 0; // how many rows without a parent are kept

const filtering = () => wanted.words.length > 0 || wanted.states.size > 0 || wanted.retried || wanted.cause > 0;

function suits(unit) {
  return (wanted.states.size === 0 || wanted.states.has(unit.state)) && (!wanted.retried || unit.made > 1 || unit.failed);
}

// choose finds the rows of the picture: those that the filter hits, and what they are in. A name that is hit brings all
// that is below it.
function choose() {
  hits = 0;
  for (const r of rows) {
    r.found = wanted.words.length === 0 || wanted.words.every((w) => r.text.includes(w)) || (r.up !== null && r.up.found);
    r.hit = r.found && suits(r.unit) && (wanted.cause === 0 || wanted.cause === r.class);
    r.kept = r.hit;
    if (r.hit) hits++;
  }
  for (let i = rows.length - 1; i >= 0; i--) {
    if (rows[i].kept && rows[i].up) rows[i].up.kept = true;
  }
  shown = [];
  roots = 0;
  for (const r of rows) {
    r.shown = r.kept && (r.up === null || (r.up.shown && !folded.has(r.up)));
    if (r.shown) {
      r.at = shown.length;
      shown.push(r);
    }
    if (r.kept) {
      r.position = r.up ? ++r.up.keptChildren : ++roots;
      r.keptChildren = 0;
    }
  }
}

// filter takes a changed filter over. While one searches, folds are the search's own: what is found should be seen.
function filter() {
  folded = wanted.words.length > 0 || wanted.cause > 0 ? new Set() : unfiltered;
  choose();
}

function fold(r, yes) {
  if (yes) folded.add(r);
  else folded.delete(r);
  choose();
}

// foldAll leaves one row of each operation, or unfolds everything.
function foldAll(yes) {
  folded.clear();
  folded.all = yes;
  if (yes) {
    for (const r of rows) if (r.kind === 'operation' && r.children.length > 0) folded.add(r);
  }
  choose();
}
