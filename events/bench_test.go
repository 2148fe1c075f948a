package events

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A plainRecord is what one would give to encoding/json.
type plainRecord struct {
	Timestamp string       `json:"timestamp"`
	Session   string       `json:"session_id"`
	Type      string       `json:"type"`
	Phase     string       `json:"phase"`
	Level     string       `json:"level"`
	Message   string       `json:"message"`
	Details   plainDetails `json:"details"`
	TraceID   string       `json:"trace_id,omitempty"`
	SpanID    string       `json:"span_id,omitempty"`
}

type plainDetails struct {
	AttemptNumber int64   `json:"attempt_number"`
	Reason        string  `json:"reason"`
	Result        string  `json:"result"`
	Operation     string  `json:"operation"`
	Delay         float64 `json:"delay"`
	NextDelay     float64 `json:"next_delay"`
	ErrorType     string  `json:"error_type"`
}

// marshal encodes r, made like sample, with encoding/json.
func marshal(r *Record) ([]byte, error) {
	return json.Marshal(plainRecord{
		Timestamp: r.Time.Format("2006-01-02T15:04:05.000000Z"),
		Session:   r.Session,
		Type:      r.Type,
		Phase:     r.Phase,
		Level:     r.Level,
		Message:   r.Message,
		Details: plainDetails{
			AttemptNumber: 1, Reason: r.Details[1].text, Result: r.Details[2].text, Operation: r.Details[3].text,
			Delay: 0, NextDelay: 1, ErrorType: r.Details[6].text,
		},
		TraceID: hex.EncodeToString(r.TraceID[:]),
		SpanID:  hex.EncodeToString(r.SpanID[:]),
	})
}

// The four that are compared: each returns what is to be repeated.

func appending(testing.TB) func() error {
	r := sample()
	line := make([]byte, 0, 1024)
	return func() error {
		line = r.Append(line[:0])
		return nil
	}
}

func marshalling(testing.TB) func() error {
	r := sample()
	return func() error {
		_, err := marshal(r)
		return err
	}
}

func writing(t testing.TB) func() error {
	w := open(t, logPath(t), Options{})
	r := sample()
	return func() error {
		w.Write(r)
		return w.Flush()
	}
}

func marshallingAndWriting(t testing.TB) func() error {
	f, err := os.OpenFile(logPath(t), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() }) //nolint:errcheck // nobody needs the file
	r := sample()
	return func() error {
		line, err := marshal(r)
		if err == nil {
			_, err = f.Write(append(line, '\n'))
		}
		return err
	}
}

func repeated(b *testing.B, what func(testing.TB) func() error) {
	once := what(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := once(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	b.Run("Append", func(b *testing.B) { repeated(b, appending) })
	b.Run("encoding-json", func(b *testing.B) { repeated(b, marshalling) })
}

func BenchmarkEncodeAndWrite(b *testing.B) {
	b.Run("Writer", func(b *testing.B) { repeated(b, writing) })
	b.Run("json-Marshal-and-Write", func(b *testing.B) { repeated(b, marshallingAndWriting) })
}

// BenchmarkWrite has goroutines write to one log as fast as they can. What counts is how many records a second are in
// the file, and which share of them did not fit into the queue.
func BenchmarkWrite(b *testing.B) {
	for _, goroutines := range []int{1, 2, 8, 64, 5_000} {
		b.Run(fmt.Sprint("goroutines=", goroutines), func(b *testing.B) {
			w := open(b, logPath(b), Options{})
			b.ReportAllocs()
			b.ResetTimer()
			writeFrom(w, goroutines, b.N)
			if err := w.Flush(); err != nil && w.Dropped() == 0 {
				b.Fatal(err)
			}
			b.ReportMetric(float64(w.Written())/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(100*float64(w.Dropped())/float64(b.N), "%dropped")
		})
	}
}

// writeFrom writes n records from so many goroutines.
func writeFrom(w *Writer, goroutines, n int) {
	var all sync.WaitGroup
	var next atomic.Int64
	for range goroutines {
		all.Go(func() {
			r := sample()
			for next.Add(1) <= int64(n) {
				w.Write(r)
			}
		})
	}
	all.Wait()
}

// Encoding takes at most half of what encoding/json takes, encoding and writing at most 0.8 of json.Marshal and Write.
// (Measured: 0.2 to 0.3, and 0.5 to 0.6.)
func TestWriterSpeed(t *testing.T) {
	for _, test := range []struct {
		name        string
		ours, other func(testing.TB) func() error
		most        float64
	}{
		{"encode", appending, marshalling, 0.5},
		{"encode and write", writing, marshallingAndWriting, 0.8},
	} {
		ours, other := test.ours(t), test.other(t)
		mine, theirs := time.Hour, time.Hour
		for range 50 { // the machine has other things to do, so the best of each counts
			mine, theirs = min(mine, taken(t, 500, ours)), min(theirs, taken(t, 500, other))
		}
		ratio := float64(mine) / float64(theirs)
		t.Logf("%s: %.2f of encoding/json", test.name, ratio)
		if ratio > test.most {
			t.Errorf("%s: %.2f of what encoding/json takes, want %.2f at most", test.name, ratio, test.most)
		}
	}
}

// Lines that hold nothing, or next to nothing, are gone over at about the speed at which records are read. (Measured:
// less than 2 times what the same number of bytes of records takes; without care for them it is 50 times.)
func TestEmptyLinesSpeed(t *testing.T) {
	read := func(data []byte) func() error {
		return func() error {
			r := NewReader(bytes.NewReader(data))
			for r.Next() {
				r.Line()
			}
			return r.Err()
		}
	}
	line := sample().Append(nil)
	const size = 64 << 10
	records := read(bytes.Repeat(line, size/len(line)))
	for _, text := range []string{
		"\n", "\r\n", "x\n", "{\n", "{}\n", "\x00\n", " ", "{", "\x00", `{"a":`,
		`{"a":"aaaaaaaaaaaaaaaaaaaaaaaaaaaa"}` + "\n",
	} {
		empty := read(bytes.Repeat([]byte(text), size/len(text)))
		mine, theirs := time.Hour, time.Hour
		for range 5 { // the machine has other things to do, so the best of each counts
			mine, theirs = min(mine, taken(t, 20, empty)), min(theirs, taken(t, 20, records))
		}
		ratio := float64(mine) / float64(theirs)
		t.Logf("%q: %.2f of records", text, ratio)
		if ratio > 15 {
			t.Errorf("%q: it takes %.2f times as long as records, want 15 at most", text, ratio)
		}
	}
}

// taken is how long once takes n times.
func taken(t *testing.T, n int, once func() error) time.Duration {
	t.Helper()
	start := time.Now()
	for range n {
		if err := once(); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(start)
}

// largeLog writes a log of n records.
func largeLog(b *testing.B, n int) (path string, size int64) {
	b.Helper()
	path = logPath(b)
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	r := sample()
	var buf []byte
	kinds := []string{TypeAttempt, TypeAttempt, TypeRecovered, TypePhaseFailed}
	for i := range n {
		r.Time = r.Time.Add(time.Millisecond)
		r.Type = kinds[i%len(kinds)]
		r.Details[3] = String(KeyOperation, fmt.Sprint("operation_", i%37))
		if buf = r.Append(buf); len(buf) > 1<<20 || i == n-1 {
			if _, err := f.Write(buf); err != nil {
				b.Fatal(err)
			}
			size += int64(len(buf))
			buf = buf[:0]
		}
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return path, size
}

// BenchmarkRead reads a log of 200,000 records, beside grep -c on the same file.
func BenchmarkRead(b *testing.B) {
	const n = 200_000
	path, size := largeLog(b, n)
	b.Run("grep", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			cmd := exec.Command("grep", "-c", `"type": "autocorrect_attempt"`, path)
			cmd.Env = append(os.Environ(), "LC_ALL=C")
			if out, err := cmd.Output(); err != nil || string(bytes.TrimSpace(out)) != fmt.Sprint(n/2) {
				b.Fatalf("%s %v", out, err)
			}
		}
	})
	for _, test := range []struct {
		name    string
		workers int
		each    func(l *Line) bool
	}{
		{"count", 0, func(l *Line) bool { return l.Type().Is(TypeAttempt) }},
		{"count/one-goroutine", 1, func(l *Line) bool { return l.Type().Is(TypeAttempt) }},
		{"details", 0, func(l *Line) bool {
			delay, _ := l.Detail(KeyDelay).Float()
			return delay == 0 && l.Type().Is(TypeAttempt) && l.Detail(KeyResult).Is("retrying") &&
				len(l.Detail(KeyOperation)) > 0
		}},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				r, err := OpenFile(path)
				if err != nil {
					b.Fatal(err)
				}
				counts := make([]int, 64)
				err = r.Each(test.workers, func(worker int, l *Line) {
					if test.each(l) {
						counts[worker]++
					}
				})
				sum := 0
				for _, count := range counts {
					sum += count
				}
				if sum != n/2 || err != nil || r.Close() != nil {
					b.Fatal(sum, err)
				}
			}
		})
	}
}
