package events

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

// read reads all of data, at once, byte by byte and from several goroutines, which must come to the same.
func read(t testing.TB, data string) ([]Record, Tally) {
	t.Helper()
	r := NewReader(strings.NewReader(data))
	var all []Record
	var raws []string
	for l := range r.All() {
		all = append(all, l.Record())
		raws = append(raws, string(l.Raw()))
		if at := l.Offset(); !strings.HasPrefix(data[at:], raws[len(raws)-1]) {
			t.Errorf("record %d should be at %d: %q", len(raws)-1, at, raws[len(raws)-1])
		}
	}
	if err := r.Err(); err != nil {
		t.Errorf("reading %.100q: %v", data, err)
	}
	slow := iotest.HalfReader(strings.NewReader(data))
	if len(data) < 10_000 {
		slow = iotest.OneByteReader(strings.NewReader(data))
	}
	torn := NewReader(slow)
	var again []string
	for torn.Next() {
		again = append(again, string(torn.Line().Raw()))
	}
	if !reflect.DeepEqual(again, raws) || torn.Tally() != r.Tally() {
		t.Errorf("read byte by byte: %d records, %+v; want %d, %+v", len(again), torn.Tally(), len(raws), r.Tally())
	}
	many := NewReader(strings.NewReader(data))
	var n atomic.Int64
	if err := many.Each(3, func(int, *Line) { n.Add(1) }); err != nil || many.Tally() != r.Tally() ||
		n.Load() != int64(len(raws)) {
		t.Errorf("3 goroutines found %d, %+v, %v; want %d, %+v", n.Load(), many.Tally(), err, len(raws), r.Tally())
	}
	ordered := NewReader(strings.NewReader(data))
	if got, err := readInOrder(ordered, nil); err != nil || ordered.Tally() != r.Tally() || !slices.Equal(got, raws) {
		t.Errorf("3 goroutines found in order %d, %+v, %v; want %d, %+v",
			len(got), ordered.Tally(), err, len(raws), r.Tally())
	}
	if got := r.Tally().Records; got != int64(len(all)) {
		t.Errorf("the tally says %d records, but there were %d", got, len(all))
	}
	return all, r.Tally()
}

// A time is one where package time says so, and the same one.
func TestTimesAreThoseOfPackageTime(t *testing.T) {
	texts := []string{
		"2026-11-23T10:00:00.00000xZ", "2026-11-23T10:00:00.000000+", "2026-11-23 10:00:00.000000Z",
		"2026-11-23T10:00:00,000000Z",
	}
	for _, date := range []string{
		"0000-01-01", "1900-02-29", "2000-02-29", "2023-02-29", "2024-02-29", "2026-00-10", "2026-13-01",
		"2026-04-31", "2026-05-00", "2026-05-32", "9999-12-31", "2026-1a-01",
	} {
		for _, clock := range []string{
			"00:00:00", "23:59:59", "24:00:00", "23:60:00", "23:59:60", "99:00:00", "0:000:00",
		} {
			texts = append(texts, date+"T"+clock+".123456Z")
		}
	}
	for _, text := range texts {
		got, ok := Value(`"` + text + `"`).time()
		want, err := time.Parse("2006-01-02T15:04:05.000000Z", text)
		if ok != (err == nil) && !strings.Contains(text, ",") || ok && !got.Equal(want) {
			t.Errorf("%s: %v, %v, want %v, %v", text, got, ok, want, err)
		}
	}
}

// readInOrder reads what is left of r from three goroutines, until it has found stopAt, when that is not nil.
func readInOrder(r *Reader, stopAt error) (raws []string, err error) {
	looked := make([][]Value, 3)
	err = r.EachInOrder(len(looked), func(worker int, l *Line) {
		looked[worker] = append(looked[worker], Value(l.Raw())) // which holds until take
	}, func(worker int) error {
		for _, raw := range looked[worker] {
			raws = append(raws, string(raw))
			if stopAt != nil && bytes.Contains(raw, []byte(stopAt.Error())) {
				return stopAt
			}
		}
		looked[worker] = looked[worker][:0]
		return nil
	})
	return raws, err
}

// The blocks of a large input are taken in their order, each once, and none after an error; also when a part of it was
// read before. This failed without waiting for the turn.
func TestEachInOrderKeepsTheOrder(t *testing.T) {
	var text []byte
	var want []string
	for i := range 20 * blockSize / 300 {
		r := Record{Type: TypeRunStart, Message: fmt.Sprintf("%d.%s", i, strings.Repeat("x", 200))}
		from := len(text)
		text = r.Append(text)
		want = append(want, string(text[from:len(text)-1]))
	}
	r := NewReader(bytes.NewReader(text))
	for range 3 {
		r.Next()
	}
	if got, err := readInOrder(r, nil); err != nil || !slices.Equal(got, want[3:]) {
		t.Errorf("%d records, %v, want %d in their order", len(got), err, len(want)-3)
	}
	stop := errors.New(`"7000.x`)
	if got, err := readInOrder(NewReader(bytes.NewReader(text)), stop); !errors.Is(err, stop) ||
		!slices.Equal(got, want[:7001]) {
		t.Errorf("%d records, %v, want 7001", len(got), err)
	}
	_, err := readInOrder(NewReader(iotest.ErrReader(os.ErrDeadlineExceeded)), nil)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v, want the error of the input", err)
	}
}

func TestReaderReadsWhatTheWriterWrites(t *testing.T) {
	want := []Record{*sample(), {
		Time: time.Date(2000, 2, 29, 23, 59, 59, 1000, time.UTC), Type: TypeRunStart, Level: LevelInfo,
		Message: "quotes \" and \\, newline \n, NUL \x00, é, 😀, \u202e",
		Details: []Field{
			Int("n", -1), Int("big", math.MaxInt64), Float("f", 0.1), Bool("yes", true), Bool("no", false),
			String("ké\"y", ""),
		},
	}, {Type: TypePhaseEnd, Details: []Field{}}}
	var data []byte
	for i := range want {
		data = want[i].Append(data)
		want[i].Time = want[i].Time.Truncate(time.Microsecond)
	}
	got, tally := read(t, string(data))
	if tally != (Tally{Records: 3}) {
		t.Errorf("the tally is %+v", tally)
	}
	var again []byte
	for i := range want {
		again = got[i].Append(again)
		got[i].Details, want[i].Details = nil, nil // of which whole numbers have become Int
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("got  %+v\nwant %+v", got[i], want[i])
		}
	}
	if string(again) != string(data) {
		t.Errorf("written again:\n%s\nwant\n%s", again, data)
	}
}

func TestLineAndValues(t *testing.T) {
	r := sample()
	r.Details = append(r.Details, String("odd", "a\nb"), Float("nan", math.NaN()), String("twice", "1"),
		String("twice", "2"))
	reader := NewReader(bytes.NewReader(r.Append([]byte("\n"))))
	if !reader.Next() {
		t.Fatal("no record")
	}
	l := reader.Line()
	for _, test := range []struct{ got, want any }{
		{l.Offset(), int64(1)},
		{string(l.Timestamp()), `"2026-11-23T19:11:43.482629Z"`},
		{l.Session().Text(), r.Session},
		{l.Type().Is(TypeAttempt), true},
		{l.Type().Is(TypeRecovered), false},
		{l.Phase().Text(), "data_phase"},
		{l.Level().Text(), LevelWarning},
		{l.Message().Is(r.Message), true},
		{l.TraceID().Text(), "010203000000000000000000000000ff"},
		{l.SpanID().Text(), "0900000000000001"},
		{l.Truncated(), false},
		{len(l.Details()), 11},
		{string(l.Detail(KeyDelay)), "0"},
		{l.Detail(KeyDelay).Is("0"), true},
		{l.Detail("odd").Is("a\nb"), true},
		{l.Detail("odd").Is(`a\nb`), false},
		{string(l.Detail("nan")), "null"},
		{l.Detail("twice").Text(), "2"},
		{l.Detail("none") == nil, true},
		{l.Detail("none").Text(), ""},
		{l.Detail("none").Is(""), true},
	} {
		if test.got != test.want {
			t.Errorf("got %v, want %v", test.got, test.want)
		}
	}
	if f, ok := l.Detail(KeyNextDelay).Float(); f != 1 || !ok {
		t.Errorf("next_delay is %v, %v", f, ok)
	}
	if f, ok := l.Detail(KeyReason).Float(); ok {
		t.Errorf("a text is the number %v", f)
	}
	if at, ok := l.Time(); !ok || !at.Equal(r.Time.Truncate(time.Microsecond)) {
		t.Errorf("the time is %v, %v", at, ok)
	}
}

// Records that others wrote: the Python system of the seed, jq -c, a hand.
func TestReaderReadsForeignSpellings(t *testing.T) {
	seed := `{"timestamp": "2025-10-10T19:11:43.482629", "session_id": "s", "type": "autocorrect_attempt", "phase": "data_phase", ` +
		`"level": "warning", "message": "é", "details": {"attempt_number": 1, "result": "retrying"}}`
	for _, test := range []struct{ name, line string }{
		{"as the Python system wrote it", strings.ReplaceAll(seed, "é", `\u00e9`)},
		{"capital hex digits", strings.ReplaceAll(seed, "é", `\u00E9`)},
		{"not ASCII", seed},
		{"no spaces", strings.NewReplacer(": ", ":", ", ", ",").Replace(seed)},
		{"many spaces", strings.NewReplacer(": ", "\t : ", ", ", " ,  ").Replace(seed)},
		{"spaces around", "  " + seed + "  "},
		{"Windows", seed + "\r"},
		{"byte order mark", "\ufeff" + seed},
		{
			"another order and more members",
			`{"type":"autocorrect_attempt","more":[1,{"timestamp": "x"}],"details":{"result":"retrying","attempt_number":1},"level":"warning",` +
				`"phase":"data_phase","message":"é","session_id":"s","timestamp":"2025-10-10T19:11:43.482629Z"}`,
		},
		{"members twice", strings.Replace(seed, `"phase": `, `"phase": "x", "phase": `, 1)},
		{
			"a member again at the end", strings.Replace(strings.Replace(seed, `"data_phase"`, `"x"`, 1), `}}`,
				`}, "phase": "data_phase"}`, 1),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, tally := read(t, test.line+"\n")
			if tally != (Tally{Records: 1}) {
				t.Fatalf("the tally is %+v", tally)
			}
			want := Record{
				Time: time.Date(2025, 10, 10, 19, 11, 43, 482629000, time.UTC), Session: "s", Type: TypeAttempt,
				Phase: "data_phase",
				Level: LevelWarning, Message: "é",
			}
			details := map[string]Field{}
			for _, f := range got[0].Details {
				details[f.Key] = f
			}
			got[0].Details = nil
			if !reflect.DeepEqual(got[0], want) {
				t.Errorf("got %+v, want %+v", got[0], want)
			}
			if len(details) != 2 || details["attempt_number"] != Int("attempt_number", 1) ||
				details["result"] != String("result", "retrying") {
				t.Errorf("details are %v", details)
			}
		})
	}
}

func TestLineTime(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-11-23T12:00:00.000000Z":       noon,
		"2026-11-23T12:00:00Z":              noon,
		"2026-11-23T14:00:00+02:00":         noon,
		"2026-11-23T12:00:00":               noon,
		"2026-11-23T12:00:00.000001":        noon.Add(time.Microsecond),
		"2026-11-23T12:00:00.000000001Z":    noon.Add(1),
		"2024-02-29T23:59:59.999999Z":       time.Date(2024, 2, 29, 23, 59, 59, 999999000, time.UTC),
		"0001-01-01T00:00:00.000000Z":       {},
		"2026-02-30T12:00:00.000000Z":       {},
		"2026-13-01T12:00:00.000000Z":       {},
		"2026-11-23T24:00:00.000000Z":       {},
		"2026-11-23T12:00:0:.000000Z":       {},
		"2026-11-23T12:00:00.00000 Z":       {},
		"2026/11/23T12:00:00.000000Z":       {},
		"":                                  {},
		"yesterday":                         {},
		"2026-11-23T12:00:00.000000\\u005a": noon,
	} {
		l := Line{timestamp: Value(`"` + text + `"`)}
		if got, ok := l.Time(); !got.Equal(want) || ok != (!want.IsZero() || strings.HasPrefix(text, "0001")) {
			t.Errorf("%q is read as %v, %v, want %v", text, got, ok, want)
		}
	}
}

func TestReaderOnRecordsWithOddValues(t *testing.T) {
	got, _ := read(t,
		`{"timestamp":"yesterday","type":"x","details":{"o":{"a":[1]},"n":null,"big":1e999,"u":"\ud800"},"trace_id":"zz","span_id":7}`+"\n"+
			`{"timestamp":"2026-01-01T00:00:00Z","type":"y","details":[1],"phase":null}`+"\n")
	if len(got) != 2 || !got[0].Time.IsZero() || got[0].TraceID != [16]byte{} || got[0].SpanID != [8]byte{} {
		t.Fatalf("got %+v", got)
	}
	want := `[{Key:o kind:0 text:{"a":[1]} bits:0} {Key:n kind:2 text: bits:9221120237041090561} {Key:big kind:0 text:1e999 bits:0} ` +
		"{Key:u kind:0 text:\ufffd bits:0}]"
	if details := fmt.Sprintf("%+v", got[0].Details); details != want {
		t.Errorf("got %s, want %s", details, want)
	}
}

func TestOpenFile(t *testing.T) {
	dir := t.TempDir()
	plain, zipped := filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "events.jsonl.1.gz")
	line := sample().Append(nil)
	var z bytes.Buffer
	for range 2 { // gzip files may be put one behind the other
		zw := gzip.NewWriter(&z)
		if _, err := zw.Write(line); err != nil {
			t.Fatal(err)
		}
		if err := zw.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(plain, line, 0o600), os.WriteFile(zipped, z.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{plain: 1, zipped: 2} {
		if got := len(records(t, path)); got != want {
			t.Errorf("%s: %d records, want %d", path, got, want)
		}
	}
	for path, says := range map[string]string{filepath.Join(dir, "none"): "no such file", dir: "is a directory"} {
		if r, err := OpenFile(path); err == nil || !strings.Contains(err.Error(), says) ||
			!strings.Contains(err.Error(), path) {
			t.Errorf("OpenFile(%s) = %v, %v, want an error with %q", path, r, err, says)
		}
	}
}

// Errors of the input are errors, after what was read before them.
func TestReaderSaysWhenTheInputFails(t *testing.T) {
	boom := errors.New("boom")
	line := string(sample().Append(nil))
	var z bytes.Buffer
	zw := gzip.NewWriter(&z)
	if _, err := zw.Write([]byte(line)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(z.Bytes())
	damaged[len(damaged)-8] ^= 1 // the checksum
	for name, test := range map[string]struct {
		in   io.Reader
		want error
	}{
		"error":        {io.MultiReader(strings.NewReader(line+line[:10]), iotest.ErrReader(boom)), boom},
		"error at end": {iotest.DataErrReader(io.MultiReader(strings.NewReader(line), iotest.ErrReader(boom))), boom},
		"gzip damaged": {bytes.NewReader(damaged), gzip.ErrChecksum},
		"no progress":  {io.MultiReader(strings.NewReader(line), stuck{}), io.ErrNoProgress},
	} {
		r := NewReader(test.in)
		n := 0
		for range r.All() {
			n++
		}
		if n != 1 || !errors.Is(r.Err(), test.want) {
			t.Errorf("%s: %d records, %v, want 1 and %v", name, n, r.Err(), test.want)
		}
		if r.Next() {
			t.Errorf("%s: there is another record after the end", name)
		}
	}
	if err := NewReader(strings.NewReader(line)).Each(-1, nil); err == nil {
		t.Error("-1 workers are no error")
	}
}

// stuck reads nothing and gives no reason.
type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// 8 MB (whole: 1 GB) go through half a megabyte of buffers, whatever they hold: what is allocated does not grow with
// the input.
func TestReaderMemoryIsConstant(t *testing.T) {
	line := sample().Append(nil)
	size := int64(scaled(8<<20, 1<<30)) / int64(len(line)) * int64(len(line))
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := io.Copy(z, io.LimitReader(&repeat{data: line}, size)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	records := Tally{Records: size / int64(len(line))}
	for _, test := range []struct {
		name string
		in   io.Reader
		want Tally
	}{
		{"records", io.LimitReader(&repeat{data: line}, size), records},
		{"records, zipped", &zipped, records},
		{
			"unreadable lines", io.LimitReader(&repeat{data: []byte("junk\n")}, 5<<18),
			Tally{Unreadable: 1 << 18, UnreadableBytes: 4 << 18},
		},
		{
			"one line without an end", io.LimitReader(&repeat{data: []byte("x")}, size),
			Tally{Unreadable: 1, UnreadableBytes: size},
		},
		{
			"one line of fragments", io.LimitReader(&repeat{data: line[:100]}, size),
			Tally{Unreadable: 1, UnreadableBytes: size},
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := NewReader(test.in)
		for r.Next() {
			r.Line()
		}
		runtime.ReadMemStats(&after)
		got := r.Tally()
		if got.Held > 0 { // the end of a line that is too long
			got.UnreadableBytes, got.Held = got.UnreadableBytes+got.Held, 0
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 1<<20 || got != test.want || r.Err() != nil {
			t.Errorf("%s: %d bytes were allocated, want a megabyte at most; %+v, want %+v",
				test.name, allocated, got, test.want)
		}
	}
}

// repeat is data again and again.
type repeat struct {
	data []byte
	at   int
}

func (r *repeat) Read(p []byte) (n int, err error) {
	for n < len(p) {
		m := copy(p[n:], r.data[r.at:])
		n += m
		r.at = (r.at + m) % len(r.data)
	}
	return n, nil
}

// A line that was kept is read again as it was.
func TestParseReadsWhatWasKept(t *testing.T) {
	text := (&Record{Session: "s", Type: TypeAttempt, Details: []Field{String("a", "b"), Int("n", 3)}}).Append(nil)
	var l Line
	raw := bytes.TrimSuffix(text, []byte("\n"))
	if !l.Parse(raw) || !l.Session().Is("s") || string(l.Detail("n")) != "3" {
		t.Errorf("%s: %s, %s", raw, l.Session(), l.Detail("n"))
	}
	if l.Parse([]byte(`{"timestamp": "`)) || !l.Parse([]byte(`{"type":"x","timestamp":"t"}`)) || len(l.Details()) > 0 {
		t.Errorf("half a record is one, or another has %d details of the last", len(l.Details()))
	}
}

// An input that says itself that it is cut short, as one that somebody else unpacks, is told from one that is short.
func TestAnInputThatIsCutShort(t *testing.T) {
	for text, cut := range map[string]bool{"": true, "{": true, "{}\n": false} {
		in := io.Reader(strings.NewReader(text))
		if cut {
			in = io.MultiReader(in, iotest.ErrReader(io.ErrUnexpectedEOF))
		}
		r := NewReader(in)
		for r.Next() {
			t.Errorf("%q is a record", text)
		}
		if r.Tally().CutShort != cut || r.Err() != nil {
			t.Errorf("%q: %+v, %v", text, r.Tally(), r.Err())
		}
	}
}
