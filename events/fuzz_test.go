package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"
)

// FuzzAppend: every line is one line of ASCII within the limits, and says what the record says.
func FuzzAppend(f *testing.F) {
	for _, test := range hostile {
		f.Add(test.text, test.text, test.text, int64(0), 0.0)
	}
	f.Add(strings.Repeat("\x00", 10000), strings.Repeat("é", 5000), "timestamp", int64(-1), math.Inf(1))
	f.Add(strings.Repeat("x", 20000), strings.Repeat("y", 20000), strings.Repeat("z", 20000), int64(1<<62), 1e-300)
	f.Fuzz(func(t *testing.T, message, reason, key string, number int64, float float64) {
		r := &Record{
			Time: time.Unix(number, number), Type: TypeAttempt, Phase: reason, Message: message,
			Details: []Field{
				String(KeyReason, reason), String(key, message), Int("n", number), Float("f", float),
				String(KeyResult, "failed"),
			},
		}
		line := r.Append(nil)
		got := parsed(t, line)
		if got["truncated"] == true {
			return
		}
		for name, texts := range map[string][2]any{
			"message": {got["message"], message}, "phase": {got["phase"], reason},
		} {
			if text := texts[1].(string); utf8.ValidString(text) && texts[0] != text {
				t.Errorf("%s is %q, want %q", name, texts[0], text)
			}
		}
		if !strings.Contains(string(line), `"result": "failed"`) {
			t.Errorf("the result is not in %s", line)
		}
		var l Line
		if l.quick(line) != len(line)-1 {
			t.Errorf("the quick scanner does not know the line: %s", line)
		}
	})
}

// FuzzLog: whatever the texts, the seed's two grep lines count what the Reader counts, which is what was written.
func FuzzLog(f *testing.F) {
	for _, test := range hostile {
		f.Add(test.text, test.text, uint64(0b1011))
	}
	f.Add(`"type": "autocorrect_attempt"`, `"result": "failed"`, uint64(5))
	f.Fuzz(func(t *testing.T, message, key string, kinds uint64) {
		var data []byte
		attempts, failed := 0, 0
		for i := range 16 {
			r := &Record{
				Type: TypeRecovered, Message: message,
				Details: []Field{String(key, message), String(KeyResult, "success")},
			}
			if kinds>>i&1 != 0 {
				r.Type, r.Details[1] = TypeAttempt, String(KeyResult, "retrying")
				attempts++
			}
			if key != KeyResult && kinds>>i&3 == 3 {
				r.Details[1] = String(KeyResult, "failed")
				failed++
			}
			data = r.Append(data)
		}
		grepped, greppedFailed := 0, 0
		for line := range bytes.Lines(data) {
			if bytes.Contains(line, []byte(`"type": "autocorrect_attempt"`)) {
				grepped++
				if bytes.Contains(line, []byte(`"result": "failed"`)) {
					greppedFailed++
				}
			}
		}
		counted, countedFailed := 0, 0
		r := NewReader(bytes.NewReader(data))
		for l := range r.All() {
			if l.Type().Is(TypeAttempt) {
				counted++
				if l.Detail(KeyResult).Is("failed") {
					countedFailed++
				}
			}
		}
		if grepped != attempts || counted != attempts || r.Tally() != (Tally{Records: 16}) {
			t.Errorf("grep counts %d attempts, the Reader %d, want %d; %+v", grepped, counted, attempts, r.Tally())
		}
		if key != KeyResult && (greppedFailed != failed || countedFailed != failed) {
			t.Errorf("grep counts %d failed attempts, the Reader %d, want %d", greppedFailed, countedFailed, failed)
		}
	})
}

// FuzzReader: whatever the input, no error; what is handed out is JSON with a time and a type; the quick scanner,
// encoding/json and a reader of small blocks come to the same. It starts no goroutine, and its seeds are short: go test
// spends a minute on making an input smaller when that runs otherwise each time, or is long.
func FuzzReader(f *testing.F) {
	line := string((&Record{
		Time: time.Unix(0, 0), Type: TypeAttempt, Message: "Connection",
		Details: []Field{Float(KeyDelay, 0), String(KeyErrorType, "timeout")},
	}).Append(nil))
	for _, text := range []string{
		"", line, line + line, line[:100] + line, line[:len(line)-1], line[:150] + "\n\n" + line, "\x1f\x8b\x08",
		"\xef\xbb\xbf" + line,
		strings.ReplaceAll(line, ": ", ":"), strings.Replace(line, "Connection", `\ud83d\ude00 é \/`, 1), "{}\n[]\n1\n",
		line + "\x00\x00" + line,
		strings.Replace(line, `"delay": 0`, `"delay": -0.5e+3`, 1), strings.Replace(line, "timeout", "a\x00b", 1),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewReader(bytes.NewReader(data))
		for l := range r.All() {
			if !json.Valid(l.Raw()) || !l.Timestamp().quoted() || !l.Type().quoted() {
				t.Errorf("this is no record: %q", l.Raw())
			}
			var members map[string]any // of a key that is there twice the last one counts
			if err := json.Unmarshal(l.Raw(), &members); err != nil {
				t.Fatal(err)
			}
			for key, got := range map[string]Value{
				keyType: l.Type(), keySession: l.Session(), keyLevel: l.Level(), keyMessage: l.Message(),
			} {
				if want, isText := members[key].(string); isText && got.Text() != want {
					t.Errorf("%q: %s is %q, by encoding/json %q", l.Raw(), key, got.Text(), want)
				}
			}
			slow := Line{raw: l.Raw()}
			if !slow.foreign() || !reflect.DeepEqual(canonical(slow.Record()), canonical(l.Record())) {
				t.Errorf("%q is read as %+v, by encoding/json as %+v", l.Raw(), l.Record(), slow.Record())
			}
		}
		if len(data) > 2 && data[0] == 0x1f { // it may be gzip, which may be damaged
			return
		}
		if r.Err() != nil {
			t.Errorf("an error: %v", r.Err())
		}
		if got, want := recordsOf(data), recordsOf(bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))); got != want {
			t.Errorf("without the search for the ends of lines it is\n%s\nwith it\n%s", got, want)
		}
		torn := NewReader(iotest.OneByteReader(bytes.NewReader(data)))
		for torn.Next() {
			if at := torn.Line().Offset(); !bytes.HasPrefix(data[at:], torn.Line().Raw()) {
				t.Errorf("what is read byte by byte is not at byte %d: %q", at, torn.Line().Raw())
			}
		}
		if torn.Err() != nil || torn.Tally() != r.Tally() {
			t.Errorf("%+v; read byte by byte %+v, %v", r.Tally(), torn.Tally(), torn.Err())
		}
	})
}

// recordsOf are the records in data and how many lines are none. A line that ends with \r\n is read by cursor.take, and
// one of a Writer by cursor.quick.
func recordsOf(data []byte) string {
	var all []byte
	r := NewReader(bytes.NewReader(data))
	for l := range r.All() {
		all = append(append(all, l.Raw()...), '\n')
		record := l.Record()
		all = record.Append(all)
	}
	t := r.Tally()
	return fmt.Sprintf("%s%d records, %d salvaged, %d lines unreadable", all, t.Records, t.Salvaged, t.Unreadable)
}

// canonical is r in a form that can be compared: NaN is not equal to itself.
func canonical(r Record) string { return string(r.Append(nil)) }
