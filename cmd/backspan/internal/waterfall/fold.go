package waterfall

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/semconv"
)

const (
	maxSiblings = 16 // rows that one parent shows below it
	maxTries    = 10 // of one operation or phase
	maxFine     = 4  // of those that went well, once some must go
)

// fold shortens items to limit rows, or to the fewest there can be: what went wrong stays, and of what went well the
// slowest and the last. A fold says what it stands for. The steps are tried in order until there are few enough.
func fold(items []*item, limit int) []*item {
	items = foldSiblings(items, maxSiblings)
	siblings := func(n int) func() { return func() { items = foldSiblings(items, n) } }
	steps := []func(){
		siblings(12), siblings(10), siblings(8), siblings(6), siblings(5),
		// The row of an operation says how many attempts there were.
		func() { dropTries(items, false) },
		func() { dropTries(items, true) },
		siblings(4), siblings(3),
	}
	for _, all := range [...]bool{false, true} {
		for level := deepest(items); level > 0; level-- {
			steps = append(steps, func() { prune(items, level, all) })
		}
		steps = append(steps, siblings(2))
	}
	for _, step := range steps {
		if countRows(items) <= limit {
			break
		}
		step()
	}
	return items
}

// deepest is the level of the deepest of items, which are on level 0.
func deepest(items []*item) (deepest int) {
	for level := range rows(items) {
		deepest = max(deepest, level)
	}
	return deepest
}

func countRows(items []*item) (n int) {
	for range rows(items) {
		n++
	}
	return n
}

// dropTries takes away the attempts of operations, of those that recovered or of all. It leaves attempts that have rows
// below them, of which the operation's row does not tell.
func dropTries(items []*item, all bool) {
	deep := func(try *item) bool { return len(try.children) > 0 }
	for _, it := range rows(items) {
		if it.kind == semconv.KindOperation && (all || it.mark == term.OK) && !slices.ContainsFunc(it.children, deep) {
			it.children = nil
		}
	}
}

// prune takes away the rows at a level below items, those without trouble or all.
func prune(items []*item, below int, all bool) {
	for level, it := range rows(items) {
		if level+1 == below && (all || !it.trouble) && len(it.children) > 0 {
			if it.looks().note == (note{}) {
				it.note = note{said: text.Plural(countRows(it.children), "row", "rows") + " folded", style: term.Faint}
			}
			it.children = nil
		}
	}
}

// foldSiblings leaves at most n of items, and at most n below each of them.
func foldSiblings(items []*item, n int) []*item {
	kept := make([]*item, 0, min(n, len(items)))
	keep := choose(items, n)
	for i := 0; i < len(items); {
		end := i
		for end < len(items) && !keep[end] {
			end++
		}
		if end-i > 1 {
			kept = append(kept, foldOf(items[i:end]))
			i = end
			continue
		}
		// A fold of one row would save none.
		items[i].children = foldSiblings(items[i].children, n)
		kept = append(kept, items[i])
		i++
	}
	return kept
}

// choose picks the items to be shown, so that with a fold there are n: those that went wrong, the last one, and then
// the slowest. Where folds stand between them there may be more.
func choose(items []*item, n int) []bool {
	keep := make([]bool, len(items))
	if len(items) <= n && (len(items) <= maxTries || !isTry(items[0])) {
		for i := range keep {
			keep[i] = true
		}
		return keep
	}
	left := n - 1 // one is for the fold
	pick := func(i int) {
		if left > 0 && !keep[i] {
			keep[i] = true
			left--
		}
	}
	last := len(items) - 1
	// The tries of one operation failed all but the last, each for its own reason: the newest say most about the end,
	// the first how it began.
	if isTry(items[0]) {
		pick(last)
		left = min(left, maxTries-2)
		for i := 0; left > 0; i++ {
			pick(i)
			pick(last - i)
		}
		return keep
	}
	for i, it := range items {
		if it.trouble {
			pick(i)
		}
	}
	pick(last)
	left = min(left, maxFine-1)
	for _, i := range slowest(items) {
		pick(i)
	}
	return keep
}

// slowest are the indices of items, those that lasted longest first.
func slowest(items []*item) []int {
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(items[b].lasted, items[a].lasted) })
	return order
}

func isTry(it *item) bool { return semconv.IsTry(it.kind) }

// foldOf is the row that stands for items.
func foldOf(items []*item) *item {
	f := &item{kind: items[0].kind, mark: term.NoMark, look: new(look)}
	for _, it := range items {
		f.folded += max(1, it.folded)
		if it.kind != f.kind {
			f.kind = ""
		}
		if it.look != nil {
			f.bars, f.waited = append(f.bars, it.bars...), f.waited+it.waited
		} else {
			f.bars, f.waited = appendBars(f.bars, it.node), f.waited+it.node.Waited()
		}
		f.trouble = f.trouble || it.trouble
		f.foldedFailed += it.foldedFailed
		f.foldedTrouble += it.foldedTrouble
		if it.mark == term.Failed {
			f.foldedFailed++
		} else if it.folded == 0 && it.trouble {
			f.foldedTrouble++
		}
	}
	f.name = rowsName(f.kind, f.folded)
	f.note = foldNote(f)
	slices.SortStableFunc(f.bars, func(a, b bar) int { return int(a.kind) - int(b.kind) })
	return f
}

func foldNote(f *item) note {
	switch {
	case f.foldedFailed == f.folded:
		return note{said: "all failed", style: term.Red}
	case f.foldedFailed > 0:
		return note{said: fmt.Sprintf("%d failed", f.foldedFailed), style: term.Red}
	case f.foldedTrouble > 0:
		return note{said: fmt.Sprintf("%d with retries", f.foldedTrouble), style: term.Yellow}
	}
	return note{}
}

// rowsName is "3 more attempts".
func rowsName(kind string, n int) string {
	names, ok := map[string][2]string{
		semconv.KindRun:       {"run", "runs"},
		semconv.KindPhase:     {"phase", "phases"},
		semconv.KindOperation: {"operation", "operations"},
		semconv.KindAttempt:   {"attempt", "attempts"},
		semconv.KindRecovery:  {"recovery", "recoveries"},
	}[kind]
	if !ok {
		names = [2]string{"row", "rows"}
	}
	return text.Plural(n, "more "+names[0], "more "+names[1])
}
