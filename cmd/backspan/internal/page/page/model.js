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

// noteError is the row whose error stands in r: r itself, or of a folded operation that recovered the last attempt that
// failed; null when there is none. What a row in sight below r says, r does not repeat, but for phases and their tries,
// which fail far above the attempt that says why.
function noteError(r) {
  if (folded.has(r) && !r.error && canRetry(r)) return r.children.findLast((c) => isTry(c) && c.error) || null;
  if (!r.error) return null;
  const told = !ofPhase(r) && !folded.has(r) && r.children.some((c) => c.failed);
  return told ? null : r;
}

const ofPhase = (r) => r.kind === 'phase' || (isTry(r) && r.up !== null && r.up.kind === 'phase');

// title names a row so that it is understood alone.
function title(r) {
  return isTry(r) && r.up ? r.name + ' of ' + r.up.name : r.name;
}
