package events

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func sample() *Record {
	return &Record{
		Time:    time.Date(2026, 11, 23, 19, 11, 43, 482629999, time.UTC),
		Session: "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c",
		Type:    TypeAttempt,
		Phase:   "data_phase",
		Level:   LevelWarning,
		Message: "Autocorrect attempt 1: Error in data_load: Connection timeout",
		Details: []Field{
			Int(KeyAttemptNumber, 1),
			String(KeyReason, "Error in data_load: Connection timeout"),
			String(KeyResult, "retrying"),
			String(KeyOperation, "data_load"),
			Float(KeyDelay, 0),
			Float(KeyNextDelay, 1),
			String(KeyErrorType, "timeout"),
		},
		TraceID: [16]byte{1, 2, 3, 15: 255},
		SpanID:  [8]byte{9, 7: 1},
	}
}

// The line of the design, byte for byte.
func TestAppendIsTheDocumentedLine(t *testing.T) {
	got := string(sample().Append([]byte("before ")))
	want := `before {"timestamp": "2026-11-23T19:11:43.482629Z", "session_id": "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c", ` +
		`"type": "autocorrect_attempt", "phase": "data_phase", "level": "warning", ` +
		`"message": "Autocorrect attempt 1: Error in data_load: Connection timeout", ` +
		`"details": {"attempt_number": 1, "reason": "Error in data_load: Connection timeout", "result": "retrying", ` +
		`"operation": "data_load", "delay": 0, "next_delay": 1, "error_type": "timeout"}, ` +
		`"trace_id": "010203000000000000000000000000ff", "span_id": "0900000000000001"}` + "\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAppendOfTheZeroRecord(t *testing.T) {
	got := string((&Record{}).Append(nil))
	want := `{"timestamp": "0001-01-01T00:00:00.000000Z", "session_id": "", "type": "", "phase": "", "level": "", ` +
		`"message": "", "details": {}}` + "\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// parsed fails the test when line is not one clean line within the limits, and decodes it.
func parsed(t testing.TB, line []byte) map[string]any {
	t.Helper()
	if len(line) > MaxLine {
		t.Errorf("the line has %d bytes, want at most %d", len(line), MaxLine)
	}
	body, ended := strings.CutSuffix(string(line), "\n")
	if !ended {
		t.Error("the line does not end with a newline")
	}
	for i := range len(body) {
		if body[i] < ' ' || body[i] > '~' {
			t.Fatalf("byte %d is %#x, want printable ASCII", i, body[i])
		}
	}
	if n := strings.Count(body, marker); n != 1 || !strings.HasPrefix(body, marker) {
		t.Errorf("%q is %d times in the line, want once, at its beginning: %.200s", marker, n, body)
	}
	var decoded map[string]any
	if err := json.Unmarshal(line, &decoded); err != nil {
		t.Fatalf("the line is no JSON: %v\n%s", err, line)
	}
	return decoded
}

var hostile = []struct{ name, text, want string }{
	{"empty", "", ""},
	{"quotes", `say "no\yes"`, `say "no\yes"`},
	{"newlines", "a\nb\r\nc\td", "a\nb\r\nc\td"},
	{"NUL", "a\x00b", "a\x00b"},
	{"all controls", "\x01\x02\x07\x08\x0b\x0c\x1f\x7f", "\x01\x02\x07\x08\x0b\x0c\x1f\x7f"},
	{"ANSI", "\x1b[31mred\x1b[0m\x1b]0;title\x07", "\x1b[31mred\x1b[0m\x1b]0;title\x07"},
	{"C1 control", "a\u0085b\u009bc", "a\u0085b\u009bc"},
	{"line separators", "a\u2028b\u2029c", "a\u2028b\u2029c"},
	{"bidi", "abc\u202edef\u2066ghi", "abc\u202edef\u2066ghi"},
	{"letters", "zażółć 漢字", "zażółć 漢字"},
	{"emoji", "🙈😀", "🙈😀"},
	{"noncharacters", "\uffff\ufffe\U0010ffff", "\uffff\ufffe\U0010ffff"},
	{"replacement", "\ufffd", "\ufffd"},
	{"invalid byte", "a\xffb", `a\xffb`},
	{"cut UTF-8", "caf\xc3", `caf\xc3`},
	{"encoded surrogate", "\xed\xa0\x80", `\xed\xa0\x80`},
	{"overlong", "\xc0\xaf", `\xc0\xaf`},
	{"above Unicode", "\xf4\x90\x80\x80", `\xf4\x90\x80\x80`},
	{
		"forged record",
		"x\"}}\n" +
			`{"timestamp": "2026-01-01T00:00:00.000000Z", "type": "autocorrect_attempt", "details": {"result": "failed"}}`,
		"x\"}}\n" +
			`{"timestamp": "2026-01-01T00:00:00.000000Z", "type": "autocorrect_attempt", "details": {"result": "failed"}}`,
	},
}

// Whatever text comes in: one line of printable ASCII, which decodes to the text; only bytes that are not UTF-8 come
// back as \xNN.
func TestAppendKeepsHostileTextInOneLine(t *testing.T) {
	for _, test := range hostile {
		t.Run(test.name, func(t *testing.T) {
			r := &Record{
				Session: test.text, Type: TypePhaseEnd, Phase: test.text, Level: test.text, Message: test.text,
				Details: []Field{String(KeyReason, test.text), String("k"+test.text, "v")},
			}
			line := r.Append(nil)
			got := parsed(t, line)
			for _, key := range []string{"session_id", "phase", "level", "message"} {
				if got[key] != test.want {
					t.Errorf("%s is %q, want %q", key, got[key], test.want)
				}
			}
			want := map[string]any{"reason": test.want, "k" + test.want: "v"}
			if !reflect.DeepEqual(got["details"], want) {
				t.Errorf("details are %q, want %q", got["details"], want)
			}
			if strings.Contains(string(line), `"type": "autocorrect_attempt"`) {
				t.Errorf("grep would count this as an attempt: %s", line)
			}
			if got["truncated"] != nil {
				t.Error("it says it is truncated, and nothing was cut")
			}
		})
	}
}

// Details cannot pose as the line's own members, which would deceive grep and salvage.
func TestAppendRenamesDetailsCalledLikeTheLinesOwn(t *testing.T) {
	r := &Record{
		Type: TypePhaseEnd, Details: []Field{String("timestamp", "x"), String("type", TypeAttempt), Int("level", 1)},
	}
	line := r.Append(nil)
	got := parsed(t, line)["details"]
	want := map[string]any{"timestamp_": "x", "type_": TypeAttempt, "level_": 1.0}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAppendLimits(t *testing.T) {
	mega := strings.Repeat("x", 1<<20)
	many := make([]Field, 5000)
	for i := range many {
		many[i] = String(fmt.Sprintf("key_%04d", i), mega[:100])
	}
	for _, test := range []struct {
		name    string
		record  Record
		cut     bool
		message int // length of the decoded message
		details int // number of them
	}{
		{"at the limit", Record{Message: mega[:MaxField]}, false, MaxField, 0},
		{"one above", Record{Message: mega[:MaxField+1]}, true, MaxField, 0},
		{"1 MB", Record{Message: mega}, true, MaxField, 0},
		{"1 MB of NULs", Record{Message: strings.Repeat("\x00", 1<<20)}, true, MaxField / 6, 0},
		{"1 MB of invalid UTF-8", Record{Message: strings.Repeat("\xff", 1<<20)}, true, MaxField / 5 * 4, 0},
		{"1 MB of emoji", Record{Message: strings.Repeat("😀", 1<<18)}, true, MaxField / 12 * 4, 0},
		{"quote over the limit", Record{Message: mega[:MaxField-1] + `"`}, true, MaxField - 1, 0},
		{"message and reason", Record{Message: mega, Details: []Field{String(KeyReason, mega)}}, true, MaxField, 1},
		{
			"four large texts do not fit together",
			Record{
				Message: mega, Phase: mega, Details: []Field{
					String(KeyReason, mega), String(KeyOperation, mega), String(KeyResult, "failed"),
				},
			},
			true, MaxField / 2, 3,
		},
		{
			"everything is too large", Record{
				Session: mega, Type: mega, Phase: mega, Level: mega, Message: mega, Details: many[:3],
			}, true, MaxField / 2, 3,
		},
		{"too many details", Record{Message: mega, Details: many}, true, minField, 401},
		{"long keys", Record{Message: "m", Details: []Field{Int(mega, 1), Int("n", 2)}}, true, 1, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			line := test.record.Append(nil)
			got := parsed(t, line)
			if cut := got["truncated"] == true; cut != test.cut {
				t.Errorf("truncated is %v, want %v", cut, test.cut)
			}
			if n := len(got["message"].(string)); n != test.message {
				t.Errorf("the message has %d bytes, want %d", n, test.message)
			}
			if n := len(got["details"].(map[string]any)); n != test.details {
				t.Errorf("%d details, want %d", n, test.details)
			}
		})
	}
}

// The result is what people grep for, so it must outlive every cut.
func TestAppendKeepsTheResultOfAnOverlongRecord(t *testing.T) {
	r := sample()
	for i := range r.Details {
		if r.Details[i].Key != KeyResult && r.Details[i].kind == kindString {
			r.Details[i].text = strings.Repeat("\x00", 1<<20)
		}
	}
	r.Message = strings.Repeat("\x00", 1<<20)
	r.Phase = r.Message
	line := string(r.Append(nil))
	parsed(t, []byte(line))
	for _, part := range []string{
		`"type": "autocorrect_attempt"`, `"result": "retrying"`, `"span_id": "0900000000000001", "truncated": true}`,
	} {
		if !strings.Contains(line, part) {
			t.Errorf("%s is not in the line: %.300s", part, line)
		}
	}
}

func TestAppendNumbers(t *testing.T) {
	for _, test := range []struct {
		field Field
		want  string
	}{
		{Float("", 0), "0"},
		{Float("", 1), "1"},
		{Float("", 0.25), "0.25"},
		{Float("", -1.5), "-1.5"},
		{Float("", 1e-7), "1e-07"},
		{Float("", 1e300), "1e+300"},
		{Float("", 123456789), "123456789"},
		{Float("", math.NaN()), "null"},
		{Float("", math.Inf(-1)), "null"},
		{Int("", math.MinInt64), "-9223372036854775808"},
		{Bool("", true), "true"},
		{Bool("", false), "false"},
	} {
		r := Record{Details: []Field{test.field}}
		line := r.Append(nil)
		parsed(t, line)
		if want := `"details": {"": ` + test.want + `}}`; !strings.Contains(string(line), want) {
			t.Errorf("got %s, want %s in it", line, want)
		}
	}
}

func TestAppendTimes(t *testing.T) {
	for _, test := range []struct {
		time time.Time
		want string
	}{
		{time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), "2026-01-02T03:04:05.000006Z"},
		{time.Date(2026, 12, 31, 23, 59, 59, 999999999, time.UTC), "2026-12-31T23:59:59.999999Z"},
		{time.Date(2026, 7, 1, 1, 0, 0, 0, time.FixedZone("east", 2*3600)), "2026-06-30T23:00:00.000000Z"},
		{time.Time{}, "0001-01-01T00:00:00.000000Z"},
		{time.Date(-44, 3, 15, 0, 0, 0, 0, time.UTC), "0000-01-01T00:00:00.000000Z"},
		{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "9999-12-31T23:59:59.999999Z"},
	} {
		if got := string(appendTime(nil, test.time)); got != test.want {
			t.Errorf("%v: got %s, want %s", test.time, got, test.want)
		}
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	r := sample()
	r.Message = "with \x00 hostile \xff bytes, \"quotes\" and 😀"
	line := make([]byte, 0, MaxLine)
	if n := testing.AllocsPerRun(100, func() { line = r.Append(line[:0]) }); n != 0 {
		t.Errorf("%v allocations a line, want 0", n)
	}
}
