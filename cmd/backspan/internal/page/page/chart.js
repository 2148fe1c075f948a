// Bars and the time line. Places are in percent of the chart, so that a resize and a printer change nothing.

const view = { from: 0, to: Math.max(data.elapsed, 1) };
const percent = (t) => (100 * (t - view.from)) / (view.to - view.from);
let chartWidth = 600; // pixels, measured

// bars are the stretches of a row: of an operation or phase, its tries and the waits between them.
function bars(r) {
  if (r.state === 'skipped' && !r.took) return []; // it never began
  const tries = canRetry(r) ? r.children.filter(isTry) : [];
  if (folded.has(r) && tries.length === 0) return (r.deep ||= deepBars(r));
  if (tries.length === 0) return [...waitOf(r), ownBar(r)];
  return tries.flatMap((t) => [...waitOf(t), ownBar(t)]);
}

function ownBar(r) {
  const thin = r.kind === 'run' || r.children.length > 0;
  return {
    from: r.start, to: r.end, thin, failed: Boolean(r.failed) && (isTry(r) || !thin), unbegun: r.unbegun, open: r.open,
  };
}

function waitOf(r) {
  if (!r.wait) return [];
  return [{ from: r.end, to: r.end + r.wait.took, wait: true, open: r.wait.open }];
}

// deepBars is what a folded row stands for.
function deepBars(r) {
  const list = [ownBar(r)];
  const below = [...r.children];
  while (below.length > 0) {
    const c = below.pop();
    list.push(...waitOf(c));
    if (c.children.length === 0) list.push(ownBar(c));
    else below.push(...c.children);
  }
  return list;
}

const layer = (b) => (b.wait ? 0 : b.thin ? 1 : b.failed ? 3 : 2);
const className = ['wait', 'thin', 'work', 'work failed'];

// draw puts the bars of a row into its cell. Bars of a kind that are too close to be told apart become one.
function draw(cell, r) {
  const close = 150 / Math.max(chartWidth, 150);
  const last = [null, null, null, null];
  const parts = [];
  const list = bars(r).sort((a, b) => layer(a) - layer(b) || a.from - b.from);
  for (const b of list) {
    if (b.to < view.from || b.from > view.to) continue;
    const from = Math.max(0, percent(b.from));
    const to = Math.min(100, percent(b.to));
    const before = last[layer(b)];
    if (before && from - before.to < close && !(b.wait && to - from > close)) {
      before.to = Math.max(before.to, to);
      continue;
    }
    parts.push((last[layer(b)] = { bar: b, from, to, cut: b.to > view.to }));
  }
  for (const p of parts) cell.append(barElement(p));
  let next = Infinity; // marks would cover each other: of close ones the last stays
  for (const p of parts.filter((part) => part.bar.failed && !part.cut).sort((a, b) => b.to - a.to)) {
    if (((next - p.to) * chartWidth) / 100 < 12) continue;
    next = p.to;
    const end = icon('failed');
    end.removeAttribute('aria-label');
    end.setAttribute('aria-hidden', 'true');
    end.style.left = p.to + '%';
    cell.append(end);
  }
}

function barElement(p) {
  const b = p.bar;
  const e = el('i', 'bar ' + className[layer(b)]);
  if (b.unbegun) e.classList.add('unbegun');
  if (b.open) e.classList.add('open');
  e.style.left = p.from + '%';
  e.style.width = Math.max(0, p.to - p.from) + '%';
  const pixels = ((p.to - p.from) * chartWidth) / 100;
  if (b.wait && pixels > 54) e.append(el('b', '', duration(b.to - b.from)));
  return e;
}

// ticks are the round times in sight.
function ticks() {
  const length = view.to - view.from;
  const apart = (length * 72) / Math.max(chartWidth, 72);
  const step = roundStep(apart);
  const list = [];
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) list.push(t);
  return list;
}

function roundStep(us) {
  const clock = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
  if (us > 5e5) {
    const s = clock.find((c) => c * 1e6 >= us);
    return s ? s * 1e6 : Math.ceil(us / 86400e6) * 86400e6;
  }
  for (let unit = 1; ; unit *= 10) {
    for (const n of [1, 2, 5]) if (n * unit >= us) return n * unit;
  }
}

function drawAxis() {
  const axis = byId('axis');
  const lines = byId('lines');
  axis.replaceChildren(el('span', 'hidden', 'when'));
  lines.replaceChildren();
  for (const t of ticks()) {
    const x = percent(t);
    const line = el('i');
    line.style.left = x + '%';
    lines.append(line);
    const label = el('span', 'tick', t === 0 ? '0' : duration(t));
    label.style.left = x + '%';
    if (x > 94) label.classList.add('last');
    axis.append(label);
  }
}
