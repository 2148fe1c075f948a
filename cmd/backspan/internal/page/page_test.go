package page

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/net/html"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/semconv"
)

var begin = time.Date(2026, 11, 23, 19, 11, 43, 0, time.UTC)

func at(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }

func id(n int) (s trace.SpanID) {
	binary.BigEndian.PutUint64(s[:], uint64(n))
	return s
}

// span is a span of one trace; parent 0 is none.
func span(number, parent int, kind, name string, from, to int, attributes ...attribute.KeyValue) session.Span {
	return session.Span{
		Kind: kind, Name: name, TraceID: trace.TraceID{15: 1}, SpanID: id(number), ParentID: id(parent),
		Start: at(from), End: at(to), Attributes: append(attributes, semconv.KindKey.String(kind)),
	}
}

// nightly is a run with an operation that recovers, one that gives up, a phase that recovers, one that falls back, one
// that fails, and one that is skipped.
func nightly() []session.Span {
	attempt := func(number, parent, n, from, to int, next float64, failure string) session.Span {
		result := semconv.ResultSuccess
		s := span(number, parent, semconv.KindAttempt, semconv.AttemptName(n), from, to, semconv.AttemptKey.Int(n))
		if failure != "" {
			result, s.Status, s.StatusText = semconv.ResultFailed, codes.Error, failure
		}
		if next > 0 {
			result = semconv.ResultRetrying
			s.Attributes = append(s.Attributes, semconv.NextDelayKey.Float64(next))
		}
		s.Attributes = append(s.Attributes, semconv.ResultKey.String(result))
		return s
	}
	failed := func(s session.Span, text string) session.Span {
		s.Status, s.StatusText = codes.Error, text
		return s
	}
	outcome := func(o string, attempts int) []attribute.KeyValue {
		return []attribute.KeyValue{semconv.OutcomeKey.String(o), semconv.AttemptsKey.Int(attempts)}
	}
	status := semconv.PhaseStatusKey.String
	return []session.Span{
		failed(span(1, 0, semconv.KindRun, "nightly", 0, 1000, semconv.RunStatusKey.String("failed")),
			"publish: row 7: not a number"),
		span(2, 1, semconv.KindPhase, "load", 0, 400, status("success"), semconv.RecoverySuccessKey.Bool(true),
			semconv.RecoveryAttemptsKey.Int(1)),
		span(3, 2, semconv.KindOperation, "rates", 0, 300, outcome("recovered", 2)...),
		attempt(4, 3, 1, 0, 40, 0.25, "503 Service Unavailable"),
		attempt(5, 3, 2, 290, 300, 0, ""),
		failed(span(6, 1, semconv.KindPhase, "publish", 400, 1000, status("failed")), "row 7: not a number"),
		failed(span(7, 6, semconv.KindOperation, "render", 400, 1000, outcome("permanent", 2)...),
			"row 7: not a number"),
		attempt(8, 7, 1, 400, 500, 0.4, "503 Service Unavailable"),
		attempt(9, 7, 2, 900, 1000, 0, "row 7: not a number"),
		span(10, 1, semconv.KindPhase, "quotes", 1000, 1000, status("success"), semconv.PhaseFallbackKey.Bool(true)),
		span(11, 1, semconv.KindPhase, "mail", 1000, 1000, status("skipped")),
	}
}

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

func textOf(n *html.Node) string {
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
	page, err := pageOf(session.New(nightly()))
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
			styles = append(styles, hash(textOf(n)))
		case n.Data == "script" && attr(n, "type") == "":
			scripts = append(scripts, hash(textOf(n)))
		case slices.Contains([]string{"iframe", "object", "embed", "img", "base", "form"}, n.Data),
			attr(n, "src") != "":
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
	want := "default-src 'none'; script-src " + strings.Join(scripts, " ") + "; style-src " +
		strings.Join(styles, " ") +
		"; img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
	if policy != want || len(scripts) != 1 || len(styles) != 1 {
		t.Errorf("policy %s\nwant   %s", policy, want)
	}
}

// The script must have no way to turn text into markup or code, even if the browser let it.
func TestScriptMakesNoMarkup(t *testing.T) {
	for _, bad := range []string{
		"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "DOMParser", "srcdoc",
		"setAttribute('on", "fetch(", "XMLHttpRequest", "import(",
	} {
		if strings.Contains(assets().script, bad) {
			t.Errorf("the script uses %s", bad)
		}
	}
}

var hostile = []string{
	`</script><script>alert(1)</script>`, `<!--<script>`, `--></script>`, `<img src=x onerror=alert(1)>`,
	`"><svg onload=alert(1)>`,
	`' onmouseover='alert(1)`, `&lt;b&gt;&amp;`, `[[script]]`, `[[data]]`, `]]>`, "\u202egnp.exe", "\x00", "\x1b[2J",
	"\u2028", "\xff\xfe",
	"a\nb", `\u003c`, `${alert(1)}`, "`", "{{.}}", strings.Repeat("x", 100_000), strings.Repeat("\u0301", 1000), "",
	"🙂", "__proto__", "constructor",
}

// Whatever stands in the spans is text: the page has the same elements as one with harmless names.
func TestHostileTextIsInert(t *testing.T) {
	page := func(s string) []*html.Node {
		key := attribute.Key(s)
		run := span(1, 0, semconv.KindRun, s, 0, 90, key.String(s))
		op := span(2, 1, semconv.KindOperation, s, 0, 90,
			semconv.OperationKey.String(s), semconv.PhaseNameKey.String(s), semconv.ErrorTypeKey.String(s))
		try := span(3, 2, semconv.KindAttempt, s, 0, 90, semconv.ErrorTypeKey.String(s), semconv.ResultKey.String(s))
		odd := span(4, 3, s, s, 0, 90)
		alone := span(5, 1, semconv.KindOperation, s, 0, 90, semconv.ErrorTypeKey.String(s))
		for _, p := range []*session.Span{&run, &op, &try, &odd, &alone} {
			p.Status, p.StatusText = codes.Error, s
			p.Events = []session.Event{
				{Name: s}, {Name: semconv.ExceptionEvent, Attributes: []attribute.KeyValue{key.String(s)}},
			}
		}
		all := session.New([]session.Span{run, op, try, odd, alone})
		all.ID, all.Source, all.Notes = s, s, []string{s}
		out, err := pageOf(all)
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
			if strings.ContainsAny(textOf(n), "<>") {
				t.Errorf("%.40q: the data has a < or >", s)
			}
			var d data
			if err := json.Unmarshal([]byte(textOf(n)), &d); err != nil || len(d.Rows) != 4 {
				t.Fatalf("%.40q: %d rows, error %v", s, len(d.Rows), err)
			}
			if s != "" && (d.Rows[0].Name != cmp.Or(text.Safe(s, text.MaxName), "(no name)") && s[0] != 0xcc ||
				d.Rows[0].Error != text.Safe(s, text.MaxText)) {
				t.Errorf("%.40q: name %.40q, error %.40q", s, d.Rows[0].Name, d.Rows[0].Error)
			}
			for _, r := range d.Rows {
				if !slices.Contains([]string{"", "run", "operation", "attempt"}, r.Kind) || r.State.Word() == "" {
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
		page, err := pageOf(session.New([]session.Span{s}))
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
	s := session.New(nightly())
	s.ID, s.Source, s.Notes = "4786a9a2-c5bf", "trace.json", []string{"Something is not known."}
	page, err := pageOf(s)
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
		"nightly failed, 1 operation given up",
		"It failed after 1s: 3 of 4 attempts failed, 1 operation recovered, 1 operation was given up, 1 phase recovered, " +
			"1 phase fell back, 1 phase failed and 1 phase was skipped.",
		"row 7: not a number", "4786a9a2-c5bf", "trace.json", "Something is not known.",
		"working 10ms 1%", "lost 240ms 24%", "waiting 650ms 65%", "rest 100ms 10%",
		"503 Service Unavailable in rates and render 2 0 140ms 650ms",
		"not a number in render row 7: not a number 1 1 100ms 0s",
		"rates 1 2 1 1 1 0 10ms 40ms 250ms", "together 2 4 3 2 1 1 10ms 240ms 650ms",
		"└ - mail skipped", "quotes fell back",
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
	unbegun := ok
	unbegun.Unbegun = true
	failed := ok
	failed.Status, failed.StatusText = codes.Error, "refused"
	failed.Attributes = []attribute.KeyValue{semconv.OutcomeKey.String(semconv.OutcomePermanent)}
	open := span(1, 0, semconv.KindRun, "nightly", 0, 5)
	open.End = time.Time{}
	run := span(1, 0, semconv.KindRun, "nightly", 0, 5, semconv.RunStatusKey.String(semconv.StatusSuccess))
	allowed := failed
	allowed.SpanID, allowed.ParentID = id(2), id(1)
	allowed.Attributes = append(slices.Clone(failed.Attributes), semconv.AllowedKey.Bool(true))
	stopped := span(1, 0, semconv.KindRun, "nightly", 0, 5, semconv.RunStatusKey.String(semconv.StatusCancelled))
	stopped.Status = codes.Error
	inPhase := span(2, 1, semconv.KindPhase, "load", 0, 5, semconv.PhaseStatusKey.String(semconv.StatusCancelled))
	inOperation := span(3, 2, semconv.KindOperation, "get", 0, 5, semconv.OutcomeKey.String(semconv.OutcomeCancelled))
	inPhase.Status, inOperation.Status = codes.Error, codes.Error
	for _, c := range []struct {
		name        string
		spans       []session.Span
		title, says string
	}{
		{
			"all well",
			[]session.Span{ok},
			"get, succeeded",
			"It succeeded after 5ms, with 1 operation that succeeded at the first attempt.",
		},
		{"given up", []session.Span{failed}, "get, failed", "It failed after 5ms: 1 operation was given up."},
		{
			"not ended",
			[]session.Span{open},
			"nightly, not ended",
			"It has not ended, or its end was not recorded; this is known of 0s.",
		},
		{
			"allowed",
			[]session.Span{run, allowed},
			"nightly, succeeded",
			"It succeeded after 5ms: 1 operation failed and was allowed to.",
		},
		{"cancelled", []session.Span{stopped}, "nightly, cancelled", "It was cancelled after 5ms."},
		{
			"cancelled within",
			[]session.Span{stopped, inPhase, inOperation},
			"nightly, cancelled",
			"It was cancelled after 5ms: 1 operation was cancelled and 1 phase was cancelled.",
		},
		{
			"several",
			[]session.Span{ok, span(2, 0, semconv.KindOperation, "put", 0, 5)},
			"2 operations, succeeded",
			"It succeeded after 5ms, with 2 operations that succeeded at the first attempt.",
		},
		{
			"without a beginning",
			[]session.Span{unbegun},
			"get, succeeded",
			"It succeeded after a time that is not recorded, with 1 operation that succeeded at the first attempt.",
		},
		{"foreign alone", []session.Span{span(1, 0, "", "GET /", 0, 5)}, "GET /, succeeded", "It succeeded after 5ms."},
	} {
		s := session.New(c.spans)
		if got := verdict(s, s.Summary()); got != c.says {
			t.Errorf("%s: %q, want %q", c.name, got, c.says)
		}
		if got := s.Title(); got != c.title {
			t.Errorf("%s: title %q, want %q", c.name, got, c.title)
		}
	}
}

// Names with ids in them would make a table as long as the run.
func TestTableStaysShort(t *testing.T) {
	var spans []session.Span
	for i := range 5000 {
		spans = append(spans, span(i+1, 0, semconv.KindOperation, "get "+strconv.Itoa(i), i, i+1))
	}
	table := tableOf(session.New(spans).Summary())
	if rows := strings.Count(table, "<tr"); rows != 1+maxOperations+2 || !strings.Contains(table, "4900 more names") {
		t.Errorf("%d rows", rows)
	}
}

// Errors with ids in them are one line; those that differ in words would make a table as long as the run.
func TestErrorsStayShort(t *testing.T) {
	table := func(text func(i int) string) string {
		spans := make([]session.Span, 5000)
		for i := range spans {
			spans[i] = span(i+1, 0, semconv.KindOperation, "get", i, i+1)
			spans[i].Status, spans[i].StatusText = codes.Error, text(i)
		}
		return errorsOf(session.New(spans).Summary())
	}
	one := table(func(i int) string { return fmt.Sprintf("read part-%d: 503 Service Unavailable", i) })
	if rows := strings.Count(one, "<tr"); rows != 2 || !strings.Contains(one, `data-name="attempts">5000</td>`) {
		t.Errorf("errors that differ in a number are %d rows:\n%.2000s", rows-1, one)
	}
	many := table(func(i int) string {
		return "no such file " + strings.Map(func(r rune) rune { return r - '0' + 'a' }, strconv.Itoa(i))
	})
	if rows := strings.Count(many, "<tr"); rows != 1+maxErrors+1 || !strings.Contains(many, "4950 more errors") {
		t.Errorf("%d rows", rows)
	}
	got := errorsOf(session.New([]session.Span{span(1, 0, semconv.KindOperation, "get", 0, 1)}).Summary())
	if got != "" {
		t.Errorf("where nothing failed the errors are %q", got)
	}
}

// The pill says what happened, and is green only where nothing did.
func TestPill(t *testing.T) {
	run := span(1, 0, semconv.KindRun, "nightly", 0, 9, semconv.RunStatusKey.String("success"))
	lost := span(2, 1, semconv.KindOperation, "get", 0, 5, semconv.OutcomeKey.String(semconv.OutcomeExhausted))
	lost.Status = codes.Error
	for want, spans := range map[string][]session.Span{
		`<span class="pill success">succeeded</span>`:                         {run},
		`<span class="pill recovered">succeeded, 1 operation given up</span>`: {run, lost},
		`<span class="pill failed">failed, 2 operations given up</span>`:      nightlyLost(lost),
	} {
		page, err := pageOf(session.New(spans))
		if err != nil || !strings.Contains(page, want) {
			t.Errorf("the page does not have %s, error %v", want, err)
		}
	}
}

// nightlyLost is nightly with one more operation that is given up.
func nightlyLost(lost session.Span) []session.Span {
	lost.SpanID = id(20)
	return append(nightly(), lost)
}

// The script spells outcomes as everything else does, and shows the ones that there are.
func TestWordsOfTheScript(t *testing.T) {
	words := dataOf(t, session.New(nightly())).Words
	if len(words) != len(session.Outcomes) {
		t.Fatalf("%d words, want %d", len(words), len(session.Outcomes))
	}
	for i, o := range session.Outcomes {
		if want := [2]string{string(o), o.Word()}; words[i] != want {
			t.Errorf("word %d is %v, want %v", i, words[i], want)
		}
	}
}

// pageOf is the page of s.
func pageOf(s *session.Session) (string, error) {
	var b strings.Builder
	err := Write(&b, s)
	return b.String(), err
}

// dataOf is what the script of the page of s reads.
func dataOf(t *testing.T, s *session.Session) (d data) {
	t.Helper()
	page, err := pageOf(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range elements(t, page) {
		if attr(n, "id") != "data" {
			continue
		}
		if err := json.Unmarshal([]byte(textOf(n)), &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	t.Fatal("the page has no data")
	return d
}

// A file may nest spans as deep as it is long, and have thousands of orphans: neither may cost more than a moment.
func TestDeepAndScatteredTrees(t *testing.T) {
	const n = 50_000
	deep := make([]session.Span, n)
	orphans := make([]session.Span, n)
	for i := range n {
		deep[i] = span(i+1, i, semconv.KindOperation, "x", i, 2*n-i)
		orphans[i] = span(i+1, n+9, semconv.KindOperation, "x", i, i+1)
	}
	for i := range n / 10 {
		orphans[i].Kind = semconv.KindAttempt
	}
	for name, spans := range map[string][]session.Span{"deep": deep, "scattered": orphans} {
		start := time.Now()
		page, err := pageOf(session.New(spans))
		if took := time.Since(start); err != nil || took > 20*time.Second {
			t.Errorf("%s: %d bytes in %v, error %v", name, len(page), took, err)
		}
	}
}

// A wait is told and drawn as it was measured, whatever was planned.
func TestWaitsAreTold(t *testing.T) {
	first := span(2, 1, semconv.KindAttempt, "attempt 1", 0, 10, semconv.ResultKey.String(semconv.ResultRetrying),
		semconv.NextDelayKey.Float64(0.25))
	all := session.New([]session.Span{
		span(1, 0, semconv.KindOperation, "get", 0, 272, semconv.AttemptsKey.Int(2)),
		first, span(3, 1, semconv.KindAttempt, "attempt 2", 262, 272),
	})
	rows := dataOf(t, all).Rows
	if rows[0].Waited != 252_000 || rows[1].Waited != 252_000 || rows[1].Wait == nil || rows[1].Wait.Took != 252_000 {
		t.Errorf("waited %d and %d, drawn as %+v; want 252ms everywhere", rows[0].Waited, rows[1].Waited, rows[1].Wait)
	}
}

// sick fails to write.
type sick struct{}

var errSick = errors.New("disk full")

func (sick) Write([]byte) (int, error) { return 0, errSick }

// Rows are not kept until all are made: who cannot write the first ones makes few.
func TestRowsAreWrittenOneByOne(t *testing.T) {
	var spans []session.Span
	for i := range 5000 {
		spans = append(spans, span(i+1, 0, semconv.KindOperation, "get", i, i+1))
	}
	s := session.New(spans)
	s.Summary() // once for all
	pieces := func(w io.Writer) float64 { return testing.AllocsPerRun(1, func() { _ = Write(w, s) }) }
	if all, first := pieces(io.Discard), pieces(sick{}); first > all/2 {
		t.Errorf("until the first rows cannot be written %v pieces of memory are taken, for all rows %v", first, all)
	}
}

func TestWriteSaysWhatWentWrong(t *testing.T) {
	if err := Write(sick{}, session.New([]session.Span{span(1, 0, "", "a", 0, 1)})); !errors.Is(err, errSick) {
		t.Errorf("error %v, want the writer's", err)
	}
	if err := Write(sick{}, session.New(nil)); err == nil || errors.Is(err, errSick) {
		t.Errorf("a session without spans: error %v", err)
	}
}
