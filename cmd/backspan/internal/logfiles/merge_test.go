package logfiles

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backspan/backspan/events"
)

// logs are files with these texts.
func logs(t *testing.T, texts ...string) (files []*File) {
	t.Helper()
	dir := t.TempDir()
	for i, text := range texts {
		path := filepath.Join(dir, fmt.Sprint(i))
		write(t, path, text)
		files = append(files, Open(path))
	}
	return files
}

// Random files, disordered by less than the window, come out as a stable sort of all their lines.
func TestMergeSorts(t *testing.T) {
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 1))
		type said struct {
			ms      int
			message string
		}
		var want []said
		var texts []string
		for file := range 1 + random.IntN(6) {
			var list []said
			ms := random.IntN(3000)
			for n := range random.IntN(3000) {
				ms += random.IntN(3) // equal times too
				list = append(list, said{ms, fmt.Sprint(file, " ", n)})
			}
			for range len(list) / 10 { // a tenth comes late
				from := random.IntN(len(list))
				to := min(len(list)-1, from+random.IntN(Window/4))
				moved := list[from]
				list = slices.Insert(slices.Delete(list, from, from+1), to, moved)
			}
			var text strings.Builder
			for _, s := range list {
				text.WriteString(line(s.ms, s.message))
			}
			texts = append(texts, text.String())
			want = append(want, list...)
		}
		if len(texts) == 1 {
			continue // a file alone stays as it is
		}
		slices.SortStableFunc(want, func(a, b said) int { return a.ms - b.ms })
		got, order := messages(t, logs(t, texts...))
		if len(got) != len(want) || order.Late > 0 {
			t.Fatalf("seed %d: %d records, %+v, want %d", seed, len(got), order, len(want))
		}
		for i, w := range want {
			if got[i] != w.message {
				t.Fatalf("seed %d: record %d is %q, want %q", seed, i, got[i], w.message)
			}
		}
	}
}

func TestAFileAloneStaysInItsOrder(t *testing.T) {
	got, order := messages(t, logs(t, line(3, "a")+line(1, "b")+line(2, "c")))
	equal(t, got, []string{"a", "b", "c"})
	if order.Late != 0 {
		t.Errorf("%+v", order)
	}
}

// A line as far behind as the window is put in order; what is further behind is counted, at its place.
func TestWhatComesTooLateIsCounted(t *testing.T) {
	for behind, late := range map[int]int64{Window - 1: 0, Window: 1, Window + 5: 1} {
		got, order := messages(t, logs(t, numbered(10, behind)+line(0, "late"), line(behind+20, "other")))
		if order.Late != late || order.Cut || len(got) != behind+2 || (got[0] == "late") != (late == 0) {
			t.Errorf("%d lines behind: %+v, the first of %d is %q", behind, order, len(got), got[0])
		}
	}
}

// Long lines fill the memory of the window before it has all its lines. Memory is bounded, and it is said.
func TestTheWindowIsBoundedInBytes(t *testing.T) {
	const n = 1000
	var text strings.Builder
	long := strings.Repeat("x", 60<<10)
	for i := range n {
		text.WriteString(strings.Replace(line(10+i, "m"), `"m"`, `"`+long+`"`, 1)) // a Writer would cut it
	}
	text.WriteString(line(0, "late"))
	files := logs(t, text.String(), line(n+20, "other"))
	got, order := messages(t, files)
	if order.Late != 1 || !order.Cut || len(got) != n+2 {
		t.Errorf("%d records, %+v", len(got), order)
	}
}

// Records without a time stay behind the one before them.
func TestMergeKeepsWhatHasNoTime(t *testing.T) {
	without := strings.Replace(line(0, "without"), "2026-11-23T10:00:00.000000Z", "soon", 1)
	got, _ := messages(t, logs(t, line(1, "a")+line(4, "b")+without+line(5, "d"), without+line(2, "e")+line(6, "f")))
	equal(t, got, []string{"without", "a", "e", "b", "without", "d", "f"})
}

func TestMergeReadsOnWhatIsDamaged(t *testing.T) {
	files := logs(t, line(1, "a")+"no record\n"+line(3, "c"), line(2, "b")+`{"timestamp": "`)
	files = append(files, Open(filepath.Join(t.TempDir(), "nowhere")))
	got, _ := messages(t, files)
	equal(t, got, []string{"a", "b", "c"})
	if files[0].Tally().Unreadable != 1 || files[1].Tally().Held == 0 || files[2].Err() == nil {
		t.Errorf("%+v, %+v, %v", files[0].Tally(), files[1].Tally(), files[2].Err())
	}
}

func TestMergeEndsWithAnError(t *testing.T) {
	enough, n := errors.New("enough"), 0
	files := logs(t, numbered(0, 5000), numbered(3, 5000), numbered(90_000, 5000))
	_, err := MergeLines(files, all, func(*events.Line) error {
		if n++; n == 100 {
			return enough
		}
		return nil
	})
	if CloseAll(files); !errors.Is(err, enough) || n != 100 {
		t.Errorf("%v after %d records", err, n)
	}
}

// What is made of records is handed on as it is, however long, in their order, and nothing where nothing was made; of
// one file and of several.
func TestMergeHandsOnWhatWasMade(t *testing.T) {
	one, other := numbered(0, 4000), numbered(4000, 4000)
	look := func(pieces []byte, l *events.Line) []byte {
		text := l.Message().Text()
		switch {
		case strings.HasSuffix(text, "7"):
			return pieces
		case len(text) == 1 || strings.HasSuffix(text, "00"):
			return append(pieces, strings.Repeat(text, 30_000)...) // longer than a batch
		}
		return append(pieces, text...)
	}
	var want []string
	for i := range 8000 {
		switch text := fmt.Sprint(i); {
		case i%10 == 7:
		case i < 10 || i%100 == 0:
			want = append(want, strings.Repeat(text, 30_000))
		default:
			want = append(want, text)
		}
	}
	for name, texts := range map[string][]string{
		"one file": {one + other}, "two": {other, one}, "many": {one, other, "", "", "", ""},
	} {
		files := logs(t, texts...)
		var got []string
		order, err := Merge(files, look, func(piece []byte) error {
			got = append(got, string(piece))
			return nil
		})
		if CloseAll(files); err != nil || order.Late != 0 || !slices.Equal(got, want) {
			t.Errorf("%s: %d pieces, %v, %+v, want %d", name, len(got), err, order, len(want))
		}
		enough := errors.New("enough")
		files = logs(t, texts...)
		_, err = Merge(files, look, func([]byte) error { return enough })
		if CloseAll(files); !errors.Is(err, enough) {
			t.Errorf("%s: %v, want the error of who takes the pieces", name, err)
		}
	}
}
