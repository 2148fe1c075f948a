// The rows as a tree. Everything is computed once; what a filter and a fold change is in filter.js.

const rows = data.rows;

const isTry = (r) => r.kind === 'attempt' || r.kind === 'recovery' || r.kind === 'fallback';
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
