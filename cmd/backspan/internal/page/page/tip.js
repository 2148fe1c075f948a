// What a row says when one points at it, and all of it when one clicks.

const tip = byId('tip');
const inspector = byId('inspector');

function clock(us) {
  return new Date((data.begin + us) / 1e3).toISOString().slice(11, 23) + ' UTC';
}

function facts(r) {
  const list = [];
  const add = (name, value) => list.push([name, value]);
  add(r.unbegun ? 'known from' : 'began', '+' + duration(r.start) + ' · ' + clock(r.start));
  if (r.open) add('ended', 'not known');
  else if (r.unbegun) add('took', (r.took ? 'at least ' + duration(r.took) : 'not known') + '; ended at ' + clock(r.end));
  else add('took', duration(r.took));
  if (canRetry(r) && r.made > 1) add(r.kind === 'phase' ? 'tries' : 'attempts', String(r.made));
  if (canRetry(r) && r.waited) add('waited', duration(r.waited));
  if (isTry(r) && r.up) {
    const before = r.up.children[r.up.children.indexOf(r) - 1];
    if (before && before.wait) add('waited before', waitText(before.wait));
  }
  if (r.wait) add('waited after', waitText(r.wait));
  if (r.type) add('error type', r.type);
  return list;
}

// A wait is told as it was measured, as in the rows and in the terminal.
function waitText(w) {
  return duration(w.took) + (w.said ? ' (' + w.said + ')' : '');
}

function factList(list) {
  const dl = el('dl');
  for (const [name, value] of list) dl.append(el('div', '', el('dt', '', name), el('dd', '', el('bdi', '', value))));
  return dl;
}

function heading(r, tag) {
  return el(tag, 'title', icon(r.state), ' ', el('bdi', '', title(r)), ' ', el('span', 'word ' + r.state, WORDS[r.state]));
}

// failures lists the failed tries of an operation or phase: what one would otherwise unfold it for.
function failures(r) {
  const failed = canRetry(r) ? r.children.filter((c) => isTry(c) && c.failed) : [];
  if (failed.length === 0) return '';
  const list = el('ul', 'tries');
  for (const c of failed.slice(0, 6)) {
    list.append(el('li', '', c.name + ' ', el('bdi', 'error', briefly(c, (text) => text.length < 200) || WORDS[c.state])));
  }
  if (failed.length > 6) list.append(el('li', 'hint', failed.length - 6 + ' more failed'));
  return list;
}

// tell fills the tip, so that it is there before a screen reader looks for it.
function tell(r) {
  tip.replaceChildren(heading(r, 'p'));
  if (r.error) tip.append(el('p', 'error', el('bdi', '', r.error.length > 1200 ? r.error.slice(0, 1200) + ' …' : r.error)));
  tip.append(failures(r), factList(facts(r)));
}

// point shows the tip beside a row, below it if there is room.
function point(row, x) {
  tip.hidden = false;
  const box = row.getBoundingClientRect();
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.min(Math.max(8, x + 12), document.documentElement.clientWidth - width - 8);
  const below = box.bottom + 4;
  const top = below + height < window.innerHeight ? below : Math.max(4, box.top - height - 4);
  tip.style.left = Math.max(8, left) + 'px';
  tip.style.top = top + 'px';
}

function untell() {
  tip.hidden = true;
}

// inspect shows all of a row. By keyboard the focus follows; Escape brings it back.
function inspect(r, follow) {
  const close = el('button', 'quiet', 'Close');
  const zoom = el('button', 'quiet', 'Zoom to it');
  close.type = zoom.type = 'button';
  close.addEventListener('click', () => closeInspector(true));
  zoom.addEventListener('click', () => zoomTo(r));
  const path = [];
  for (let u = r.up; u; u = u.up) path.unshift(u.name);
  inspector.replaceChildren(el('div', 'actions', zoom, close), heading(r, 'h2'));
  if (path.length > 0) inspector.append(el('p', 'hint', el('bdi', '', path.join(' › '))));
  if (r.error) inspector.append(el('pre', 'error', r.error));
  inspector.append(failures(r));
  const list = facts(r);
  if (r.kind) list.unshift(['kind', r.kind]);
  if (r.trace) list.push(['trace', data.traces[r.trace - 1]]);
  if (r.span) list.push(['span', r.span]);
  inspector.append(factList([...list, ...(r.more || [])]));
  inspector.hidden = false;
  inspector.scrollTop = 0;
  inspector.dataset.row = r.index;
  untell();
  if (follow) inspector.focus();
}

function closeInspector(back) {
  if (inspector.hidden) return;
  inspector.hidden = true;
  const r = rows[inspector.dataset.row];
  if (back && r.shown) go(r);
}
