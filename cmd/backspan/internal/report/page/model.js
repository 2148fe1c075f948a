// The rows as a tree. Everything is computed once; what a filter and a fold change is in filter.js.

const data = JSON.parse(byId('data').textContent);
const rows = data.rows;

const isTry = (r) => r.kind === 'attempt' || r.kind === 'recovery';
const canRetry = (r) => r.kind === 'operation' || r.kind === 'phase';

rows.forEach((r, i) => {
  r.index = i;
  r.children = [];
  r.up = r.parent >= 0 ? rows[r.parent] : null;
  r.level = r.up ? r.up.level + 1 : 0;
  r.end = r.start + r.took;
  r.text = [r.name, r.error, r.type].filter(Boolean).join('\n').toLowerCase();
  // What a filter by outcome judges a row by: the operation or phase that a try belongs to.
  r.unit = (isTry(r) || !r.kind) && r.up ? r.up.unit : r;
  if (r.up) r.up.children.push(r);
});

// note says in words how a row ended.
function note(r) {
  const n = r.made || 0;
  if (isTry(r)) return '';
  if (r.kind === 'phase' && n > 1) return WORDS[r.state] + ', ' + plural(n - 1, 'recovery', 'recoveries');
  if (r.kind === 'operation' && n > 1) return WORDS[r.state] + ', ' + plural(n, 'attempt', 'attempts');
  return r.state === 'success' ? '' : WORDS[r.state];
}

// noteError is the error that stands in a row: not that of a row below which is in sight too.
function noteError(r) {
  if (!r.error) return '';
  const told = !folded.has(r) && r.children.some((c) => c.failed);
  return told ? '' : r.error;
}

// title names a row so that it is understood alone.
function title(r) {
  return isTry(r) && r.up ? r.name + ' of ' + r.up.name : r.name;
}
