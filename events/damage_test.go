package events

import (
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"strings"
	"testing"
)

// What is no record is skipped and counted, with where the first of it is.
func TestReaderCountsUnreadableLines(t *testing.T) {
	good := string(sample().Append(nil))
	for _, test := range []struct {
		name, data string
		want       Tally
	}{
		{"empty", "", Tally{}},
		{"empty lines", "\n\r\n  \n", Tally{}},
		{
			"text", good + "hello\n" + good,
			Tally{Records: 2, Unreadable: 1, UnreadableBytes: 5, FirstUnreadable: int64(len(good))},
		},
		{
			"other JSON", "1\n\"x\"\n[]\n{}\nnull\n" + good,
			Tally{Records: 1, Unreadable: 5, UnreadableBytes: 1 + 3 + 2 + 2 + 4},
		},
		{"no type", `{"timestamp": "x"}` + "\n", Tally{Unreadable: 1, UnreadableBytes: 18}},
		{"type is no text", `{"timestamp": "x", "type": 1}` + "\n", Tally{Unreadable: 1, UnreadableBytes: 29}},
		{
			"two objects", `{"type": "x", "timestamp": "x"} {"type": "x", "timestamp": "x"}` + "\n",
			Tally{Unreadable: 1, UnreadableBytes: 63},
		},
		{"NULs of a crash", good + strings.Repeat("\x00", 100) + good, Tally{
			Records: 2, Salvaged: 1, Unreadable: 1, UnreadableBytes: 100, FirstUnreadable: int64(len(good)),
		}},
		{"half a record, closed", good[:100] + "\n" + good, Tally{Records: 1, Unreadable: 1, UnreadableBytes: 100}},
		{"half a record, glued", good + good[:100] + good, Tally{
			Records: 2, Salvaged: 1, Unreadable: 1, UnreadableBytes: 100, FirstUnreadable: int64(len(good)),
		}},
		{"three fragments, glued", good[:100] + good[:20] + good[:300] + good, Tally{
			Records: 1, Salvaged: 1, Unreadable: 1, UnreadableBytes: 420,
		}},
		{
			"a record without its newline, glued", good[:len(good)-1] + good,
			Tally{Records: 2, Salvaged: 2, Unreadable: 1},
		},
		{
			"a record glued to a fragment of the marker",
			good[:7] + good,
			Tally{Records: 1, Salvaged: 1, Unreadable: 1, UnreadableBytes: 7},
		},
		{"unterminated half", good + good[:100], Tally{Records: 1, Held: 100}},
		{"unterminated whole", good + good[:len(good)-1], Tally{Records: 2}},
		{
			"fragment and record, unterminated", good[:50] + good[:len(good)-1],
			Tally{Records: 1, Salvaged: 1, Unreadable: 1, UnreadableBytes: 50},
		},
		{"record and fragment, unterminated", good[:len(good)-1] + good[:50], Tally{Records: 1, Salvaged: 1, Held: 50}},
		{"damaged in the middle", good + strings.Replace(good, "Connection", "Conn\x00ction", 1) + good, Tally{
			Records: 2, Unreadable: 1, UnreadableBytes: int64(len(good) - 1), FirstUnreadable: int64(len(good)),
		}},
		{"binary", "\x7fELF\x00\xff\n\x1f\x8b\n", Tally{Unreadable: 2, UnreadableBytes: 8}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, got := read(t, test.data); got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// A log of 8 records with hostile texts (whole: 19), cut at every byte offset, plain and gzipped: never an error, every
// record before the cut is there, and what is left of the last is held back.
func TestReaderOnEveryTruncation(t *testing.T) {
	var data []byte
	ends := []int{}
	for _, test := range hostile[:scaled(8, len(hostile))] {
		r := sample()
		r.Message, r.Phase = test.text, test.text
		data = r.Append(data)
		ends = append(ends, len(data)-1)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for cut := range data {
		want, from := 0, 0
		for _, end := range ends {
			if cut >= end {
				want, from = want+1, end+1
			}
		}
		r := NewReader(bytes.NewReader(data[:cut]))
		for r.Next() {
			want--
		}
		if tally := r.Tally(); want != 0 || r.Err() != nil || tally.Unreadable != 0 ||
			tally.Held != int64(max(0, cut-from)) {
			t.Fatalf("cut at %d: %d records are missing, %v, %+v", cut, want, r.Err(), tally)
		}
	}
	last := int64(0)
	for cut := range zipped.Len() {
		r := NewReader(bytes.NewReader(zipped.Bytes()[:cut]))
		for r.Next() {
			r.Line()
		}
		tally := r.Tally()
		if cut >= 3 && (r.Err() != nil || !tally.CutShort || tally.Unreadable != 0 || tally.Records < last) {
			t.Fatalf("gzip cut at %d: %v, %+v", cut, r.Err(), tally)
		}
		last = tally.Records
	}
	if last == 0 {
		t.Error("no truncation of the gzipped log gave any record")
	}
}

// Lines longer than any buffer are skipped in constant memory, and a record glued to one is salvaged, wherever the ends
// of the buffers fall.
func TestReaderOnEndlessLines(t *testing.T) {
	good := string(sample().Append(nil))
	for _, test := range []struct {
		name, junk string
		bytes      int
	}{
		{"x", "x", 5*blockSize + 1},
		{"NUL", "\x00", 3 * blockSize},
		{"braces", "{", 2*blockSize - 3},
		{"markers", marker, 2 * blockSize / len(marker) * len(marker)},
		{"a record's beginning", good[:100], 2 * blockSize / 100 * 100},
	} {
		shifts := []int{7, 0, 1, len(marker), len(good)}
		for _, shift := range shifts[:scaled(1, len(shifts))] {
			junk := strings.Repeat(test.junk, test.bytes/len(test.junk)+1)[:test.bytes]
			data := good + strings.Repeat("\n", shift) + junk + good + good
			_, tally := read(t, data)
			want := Tally{
				Records: 3, Salvaged: 1, Unreadable: 1, UnreadableBytes: int64(test.bytes),
				FirstUnreadable: int64(len(good) + shift),
			}
			if tally != want {
				t.Errorf("%s, shifted by %d:\ngot  %+v\nwant %+v", test.name, shift, tally, want)
			}
		}
	}
}

// Random pieces of records glued, torn and mixed: whole records on lines of their own are never lost, whatever the
// other processhood. (The seed is printed when it fails.)
func TestReaderFindsWholeRecordsInAnyMess(t *testing.T) {
	for range scaled(300, 5_000) {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 0))
		var data strings.Builder
		want := 0
		for range random.IntN(20) {
			line := string(numbered(0, want, 300+random.IntN(2)*random.IntN(9000)).Append(nil))
			switch random.IntN(5) {
			case 0: // torn, and what follows is glued to it
				data.WriteString(line[:random.IntN(len(line)-1)])
				continue
			case 1: // torn and closed
				data.WriteString(line[:random.IntN(len(line)-1)] + "\n")
				continue
			case 2:
				data.WriteString("\n")
			}
			data.WriteString(line)
			want++
		}
		all, _ := read(t, data.String())
		if len(all) != want {
			t.Fatalf("seed %d: %d records, want %d", seed, len(all), want)
		}
	}
}
