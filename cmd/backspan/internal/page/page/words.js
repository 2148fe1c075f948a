// The words and numbers of the page.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId('data').textContent);
const WORDS = Object.fromEntries(data.words); // the states as people read them

// Which icon a state has; the others are failures.
const ICONS = {
  success: 'ok', recovered: 'ok', fell_back: 'ok', skipped: 'skipped', dry_run: 'skipped', open: 'open', cancelled: 'cancelled',
};
const SHAPES = {
  ok: 'M2 6.5 5 9.5 10.5 3', failed: 'M2.5 2.5l7 7m0-7-7 7', skipped: 'M3 6h6',
  open: 'M2 6h1.2M5.4 6h1.2M8.8 6H10', cancelled: 'M2.5 9.5l7-7M11 6A5 5 0 1 1 1 6a5 5 0 0 1 10 0Z',
};

// el makes an element. Text only ever becomes a text node: nothing in it can be markup.
function el(tag, className, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.append(...children.filter((c) => c !== '' && c != null));
  return e;
}

function icon(state) {
  const shape = ICONS[state] || 'failed';
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 12 12');
  svg.setAttribute('class', 'icon ' + shape);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', WORDS[state]);
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', SHAPES[shape]);
  svg.append(path);
  return svg;
}

function plural(n, one, many) {
  return n === 1 ? '1 ' + one : n + ' ' + many;
}

// duration writes microseconds short, as text.Duration does in Go.
function duration(us) {
  const ms = us / 1e3;
  const s = us / 1e6;
  if (us <= 0) return '0s';
  if (ms < 0.01) return '<0.01ms';
  if (ms < 9.995) return Number(ms.toFixed(2)) + 'ms';
  if (ms < 999.5) return ms.toFixed(0) + 'ms';
  if (s < 9.995) return Number(s.toFixed(2)) + 's';
  if (s < 59.95) return Number(s.toFixed(1)) + 's';
  const two = (big, bigName, small, smallName) => {
    const n = Math.round(s / small);
    const rest = n % (big / small);
    return Math.floor(n * small / big) + bigName + (rest ? rest + smallName : '');
  };
  if (s < 3599.5) return two(60, 'm', 1, 's');
  if (s < 86370) return two(3600, 'h', 60, 'm');
  return two(86400, 'd', 3600, 'h');
}

// briefly is the error of a row: all of it where that fits, else its innermost part, whose end may be cut.
function briefly(r, fits) {
  const error = r.error || r.type || '';
  return fits(error) ? error : r.reason || error;
}

// excerpt is the surroundings of a word in a text.
function excerpt(text, word) {
  const at = text.toLowerCase().indexOf(word);
  if (at < 0) return text;
  return (at > 20 ? '…' + text.slice(at - 20) : text);
}

// marked is text with the words marked, in pieces for el.
function marked(text, words) {
  const pieces = [];
  const lower = text.toLowerCase();
  let from = 0;
  while (words.length > 0 && lower.length === text.length) {
    let at = -1;
    let length = 0;
    for (const w of words) {
      const i = lower.indexOf(w, from);
      if (i >= 0 && (at < 0 || i < at || (i === at && w.length > length))) {
        at = i;
        length = w.length;
      }
    }
    if (at < 0) break;
    pieces.push(text.slice(from, at), el('mark', '', text.slice(at, at + length)));
    from = at + length;
  }
  pieces.push(text.slice(from));
  return pieces;
}
