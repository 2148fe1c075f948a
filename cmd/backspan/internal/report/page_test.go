package report

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"golang.org/x/net/html"

	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"
	"github.com/backspan/backspan/internal/semconv"
)

// elements parses the page as a browser does and returns its elements.
func elements(t *testing.T, page string) (list []*html.Node) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			list = append(list, n)
		}
	}
	return list
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

// What makes the page safe is that it allows its own style and script, and nothing else at all.
func TestPolicyAllowsThisPageAlone(t *testing.T) {
	page, err := pageOf(&Session{Spans: record(t, nightly).spans})
	if err != nil {
		t.Fatal(err)
	}
	policy := ""
	var styles, scripts []string
	for _, n := range elements(t, page) {
		switch {
		case n.Data == "meta" && attr(n, "http-equiv") == "Content-Security-Policy":
			policy = attr(n, "content")
		case n.Data == "style":
			styles = append(styles, hash(text(n)))
		case n.Data == "script" && attr(n, "type") == "":
			scripts = append(scripts, hash(text(n)))
		case slices.Contains([]string{"iframe", "object", "embed", "img", "base", "form"}, n.Data), attr(n, "src") != "":
			t.Errorf("the page has a <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				t.Errorf("<%s> has the attribute %s, which the policy forbids", n.Data, a.Key)
			}
			if a.Key == "href" && n.Data == "link" && !strings.HasPrefix(a.Val, "data:") {
				t.Errorf("the page loads %s", a.Val)
			}
		}
	}
	want := "default-src 'none'; script-src " + strings.Join(scripts, " ") + "; style-src " + strings.Join(styles, " ") +
		"; img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
	if policy != want || len(scripts) != 1 || len(styles) != 1 {
		t.Errorf("policy %s\nwant   %s", policy, want)
	}
}

// The script must have no way to turn text into markup or code, even if the browser let it.
func TestScriptMakesNoMarkup(t *testing.T) {
	for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "DOMParser", "srcdoc", "setAttribute('on", "fetch(", "XMLHttpRequest", "import("} {
		if strings.Contains(assets().script, bad) {
			t.Errorf("the script uses %s", bad)
		}
	}
}

var hostile = []string{
	`</script><script>alert(1)</script>`, `<!--<script>`, `--></script>`, `<img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`,
	`' onmouseover='alert(1)`, `&lt;b&gt;&amp;`, `[[script]]`, `[[data]]`, `]]>`, "\u202egnp.exe", "\x00", "\x1b[2J", "\u2028", "\xff\xfe",
	"a\nb", `\u003c`, `${alert(1)}`, "`", "{{.}}", strings.Repeat("x", 100_000), strings.Repeat("\u0301", 1000), "", "🙂", "__proto__", "constructor",
}

// Whatever stands in the spans is text: the page has the same elements as one with harmless names.
func TestHostileTextIsInert(t *testing.T) {
	page := func(s string) []*html.Node {
		key := attribute.Key(s)
		run := span(1, 0, semconv.KindRun, s, 0, 90, key.String(s))
		op := span(2, 1, semconv.KindOperation, s, 0, 90, semconv.OperationKey.String(s), semconv.PhaseNameKey.String(s))
		try := span(3, 2, semconv.KindAttempt, s, 0, 90, semconv.ErrorTypeKey.String(s), semconv.ResultKey.String(s))
		odd := span(4, 3, s, s, 0, 90)
		for _, p := range []*waterfall.Span{&run, &op, &try, &odd} {
			p.Status, p.StatusText = codes.Error, s
			p.Events = []waterfall.Event{{Name: s}, {Name: semconv.ExceptionEvent, Attributes: []attribute.KeyValue{key.String(s)}}}
		}
		out, err := pageOf(&Session{ID: s, Source: s, Notes: []string{s}, Spans: []waterfall.Span{run, op, try, odd}})
		if err != nil {
			t.Fatalf("%.40q: %v", s, err)
		}
		return elements(t, out)
	}
	tags := func(list []*html.Node) (names []string) {
		for _, n := range list {
			names = append(names, n.Data)
			for _, a := range n.Attr {
				names = append(names, a.Key)
			}
		}
		return names
	}
	want := tags(page("harmless"))
	for _, s := range hostile {
		list := page(s)
		if got := tags(list); !slices.Equal(got, want) && s != "" { // an empty error has no paragraph
			t.Errorf("%.40q changes the elements of the page", s)
		}
		for _, n := range list {
			if attr(n, "id") != "data" {
				continue
			}
			if strings.ContainsAny(text(n), "<>") {
				t.Errorf("%.40q: the data has a < or >", s)
			}
			var d data
			if err := json.Unmarshal([]byte(text(n)), &d); err != nil || len(d.Rows) != 3 {
				t.Fatalf("%.40q: %d rows, error %v", s, len(d.Rows), err)
			}
			if s != "" && (d.Rows[0].Name != visible(s, maxName) && s[0] != 0xcc || d.Rows[0].Error != visible(s, maxText)) {
				t.Errorf("%.40q: name %.40q, error %.40q", s, d.Rows[0].Name, d.Rows[0].Error)
			}
			for _, r := range d.Rows {
				if !slices.Contains([]string{"", "run", "operation", "attempt"}, r.Kind) || words[r.State] == "" {
					t.Errorf("%.40q: kind %.40q and state %.40q would be class names", s, r.Kind, r.State)
				}
			}
		}
	}
}

func FuzzPage(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, name, message string) {
		s := span(1, 0, semconv.KindOperation, name, 0, 5)
		s.Status, s.StatusText = codes.Error, message
		page, err := pageOf(&Session{Spans: []waterfall.Span{s}})
		if err != nil {
			t.Fatal(err)
		}
		scripts := 0
		for _, n := range elements(t, page) {
			if n.Data == "script" {
				scripts++
			}
			if n.Data == "img" || n.Data == "iframe" {
				t.Errorf("a <%s>", n.Data)
			}
		}
		if scripts != 2 {
			t.Errorf("%d scripts, want 2", scripts)
		}
	})
}

// What the page says without a script, for CI servers and mail programs that run none.
func TestPageSaysTheMainThingsWithoutAScript(t *testing.T) {
	r := record(t, nightly)
	page, err := pageOf(&Session{ID: session, Source: "trace.json", Spans: r.spans, Notes: []string{"Something is not known."}})
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, n := range elements(t, page) {
		if n.Data == "body" {
			for c := range n.Descendants() {
				if c.Type == html.TextNode && c.Parent.Data != "script" && c.Parent.Data != "style" {
					all += " " + c.Data
				}
			}
		}
	}
	all = strings.Join(strings.Fields(all), " ")
	for _, want := range []string{
		"nightly failed",
		"It failed after 3.79s: 9 of 12 attempts failed, 2 operations recovered, 2 operations were given up, 1 phase was recovered, 1 phase failed and 1 phase was skipped.",
		"row 7: not a number", session, "trace.json", "Something is not known.",
		"working 100ms 3%", "lost 190ms 5%", "waiting 3.5s 92%",
		"rates 2 6 5 2 1 1 20ms 100ms 2s", "together 5 12 9 4 2 2 90ms 190ms 3s",
		"└ - mail skipped",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(all)
	}
}

func TestVerdicts(t *testing.T) {
	ok := span(1, 0, semconv.KindOperation, "get", 0, 5)
	failed := ok
	failed.Status, failed.StatusText = codes.Error, "refused"
	failed.Attributes = []attribute.KeyValue{semconv.OutcomeKey.String(semconv.OutcomePermanent)}
	open := span(1, 0, semconv.KindRun, "nightly", 0, 5)
	open.End = time.Time{}
	stopped := span(1, 0, semconv.KindRun, "nightly", 0, 5, semconv.RunStatusKey.String(semconv.StatusCancelled))
	stopped.Status = codes.Error
	inPhase := span(2, 1, semconv.KindPhase, "load", 0, 5, semconv.PhaseStatusKey.String(semconv.StatusCancelled))
	inOperation := span(3, 2, semconv.KindOperation, "get", 0, 5, semconv.OutcomeKey.String(semconv.OutcomeCancelled))
	inPhase.Status, inOperation.Status = codes.Error, codes.Error
	for _, c := range []struct {
		name        string
		spans       []waterfall.Span
		title, says string
	}{
		{"all well", []waterfall.Span{ok}, "get, succeeded", "It ended well after 5ms, with 1 operation that succeeded at the first attempt."},
		{"given up", []waterfall.Span{failed}, "get, failed", "It failed after 5ms: 1 operation was given up."},
		{"not ended", []waterfall.Span{open}, "nightly, not ended", "It has not ended, or nobody saw its end; this is known of 0s."},
		{"cancelled", []waterfall.Span{stopped}, "nightly, cancelled", "It was cancelled after 5ms."},
		{"cancelled within", []waterfall.Span{stopped, inPhase, inOperation}, "nightly, cancelled", "It was cancelled after 5ms: 1 operation was cancelled and 1 phase was cancelled."},
		{"several", []waterfall.Span{ok, span(2, 0, semconv.KindOperation, "put", 0, 5)}, "2 operations, succeeded", "It ended well after 5ms, with 2 operations that succeeded at the first attempt."},
		{"foreign alone", []waterfall.Span{span(1, 0, "", "GET /", 0, 5)}, "GET /, succeeded", "It ended well after 5ms."},
	} {
		s := &Session{Spans: c.spans}
		first, last := extent(s.Spans)
		if got := verdictOf(treesOf(s), last.Sub(first), false).sentence; got != c.says {
			t.Errorf("%s: %q, want %q", c.name, got, c.says)
		}
		if got := s.Title(); got != c.title {
			t.Errorf("%s: title %q, want %q", c.name, got, c.title)
		}
	}
}

// Names with ids in them would make a table as long as the run.
func TestTableStaysShort(t *testing.T) {
	var spans []waterfall.Span
	for i := range 5000 {
		spans = append(spans, span(i+1, 0, semconv.KindOperation, "get "+strconv.Itoa(i), i, i+1))
	}
	table := tableOf(byName(flat(treesOf(&Session{Spans: spans}))), false)
	if rows := strings.Count(table, "<tr"); rows != 1+maxOperations+2 || !strings.Contains(table, "4900 more names") {
		t.Errorf("%d rows", rows)
	}
}

// The script spells states as the page does.
func TestWordsOfTheScript(t *testing.T) {
	list := regexp.MustCompile(`(?s)const WORDS = \{(.*?)\};`).FindStringSubmatch(assets().script)
	if list == nil {
		t.Fatal("the script has no WORDS")
	}
	got := map[string]string{}
	for _, m := range regexp.MustCompile(`(\w+): '([^']*)'`).FindAllStringSubmatch(list[1], -1) {
		got[m[1]] = m[2]
	}
	for state, word := range words {
		if got[state] != word {
			t.Errorf("%s is %q in the script, want %q", state, got[state], word)
		}
	}
	if len(got) != len(words) {
		t.Errorf("the script has %d words, want %d", len(got), len(words))
	}
}

// testdata/durations.txt is what the browser's test holds the script to.
func TestDurations(t *testing.T) {
	table, err := os.ReadFile("testdata/durations.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		us, want, _ := strings.Cut(strings.TrimSpace(line), "\t")
		n, err := strconv.ParseInt(us, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := durationText(time.Duration(n) * time.Microsecond); got != want {
			t.Errorf("%sµs: %q, want %q", us, got, want)
		}
	}
}

// sick fails to write.
type sick struct{}

var errSick = errors.New("disk full")

func (sick) Write([]byte) (int, error) { return 0, errSick }

func TestWriteSaysWhatWentWrong(t *testing.T) {
	if err := Write(sick{}, &Session{Spans: []waterfall.Span{span(1, 0, "", "a", 0, 1)}}); !errors.Is(err, errSick) {
		t.Errorf("error %v, want the writer's", err)
	}
	if err := Write(sick{}, &Session{}); err == nil || errors.Is(err, errSick) {
		t.Errorf("a session without spans: error %v", err)
	}
}
