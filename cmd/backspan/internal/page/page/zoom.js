// The stretch of time in sight.

const whole = { from: 0, to: view.to };

function show(from, to) {
  const least = Math.max(10, whole.to / 1e6);
  const length = Math.min(Math.max(to - from, least), whole.to);
  view.from = Math.min(Math.max(0, from), whole.to - length);
  view.to = view.from + length;
  refresh();
}

// zoom keeps the active row where it is, if it is in sight.
function zoom(factor) {
  const length = view.to - view.from;
  let at = (view.from + view.to) / 2;
  if (active && active.end > view.from && active.start < view.to) {
    at = (Math.max(active.start, view.from) + Math.min(active.end, view.to)) / 2;
  }
  const from = at - ((at - view.from) / length) * length * factor;
  show(from, from + length * factor);
}

function zoomTo(r) {
  const end = r.end + (r.wait ? r.wait.took : 0);
  const margin = Math.max((end - r.start) * 0.05, whole.to / 1e5);
  show(r.start - margin, end + margin);
}

function zoomAll() {
  show(whole.from, whole.to);
}

function listenToZoom() {
  byId('in').addEventListener('click', () => zoom(0.5));
  byId('out').addEventListener('click', () => zoom(2));
  byId('all').addEventListener('click', zoomAll);
  grid.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === '+' || e.key === '=') zoom(0.5);
    else if (e.key === '-') zoom(2);
    else if (e.key === '0') zoomAll();
  });

  const axis = byId('axis');
  let start = null;
  let band = null;
  const at = (e) => {
    const box = axis.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (e.clientX - box.left) / box.width));
    return view.from + share * (view.to - view.from);
  };
  axis.addEventListener('pointerdown', (e) => {
    if (e.button !== 0) return;
    start = at(e);
    band = el('i', 'band');
    axis.append(band);
    axis.setPointerCapture(e.pointerId);
    e.preventDefault();
  });
  axis.addEventListener('pointermove', (e) => {
    if (start === null) return;
    const [a, b] = [start, at(e)].sort((x, y) => x - y);
    band.style.left = percent(a) + '%';
    band.style.width = percent(b) - percent(a) + '%';
  });
  const stop = (e) => {
    if (start === null) return;
    const [a, b] = [start, at(e)].sort((x, y) => x - y);
    start = null;
    band.remove();
    if (e.type === 'pointerup' && percent(b) - percent(a) > 1) show(a, b);
  };
  axis.addEventListener('pointerup', stop);
  axis.addEventListener('pointercancel', stop);
  axis.addEventListener('dblclick', zoomAll);
}
