package waterfall

import (
	"fmt"
	"slices"

	"github.com/backspan/backspan/internal/semconv"
)

// The most rows that one parent shows below it. A picture that is still too long gets by with fewer, down to the last
// of them.
var siblingLimits = [...]int{16, 12, 10, 8, 6, 5, 4, 3, 2}

const (
	maxTries = 10 // of one operation or phase
	maxFine  = 4  // of those that went well, once some must go
)

// fold shortens items to at most limit rows: what went wrong stays, and of what is alike the first and the last. A fold
// says what it stands for.
func fold(items []*item, limit int) []*item {
	for _, n := range siblingLimits {
		folded := foldSiblings(items, n)
		if countRows(folded) <= limit {
			return folded
		}
		items = folded
	}
	// Too many levels, then. The upper ones say more.
	for level := maxLevel; level > 0 && countRows(items) > limit; level-- {
		prune(items, level, false)
	}
	for level := maxLevel; level > 0 && countRows(items) > limit; level-- {
		prune(items, level, true)
	}
	return items
}

func countRows(items []*item) int {
	n := len(items)
	for _, it := range items {
		n += countRows(it.children)
	}
	return n
}

// prune takes away the rows at a level below items, those without trouble or all.
func prune(items []*item, level int, all bool) {
	for _, it := range items {
		switch {
		case level > 1:
			prune(it.children, level-1, all)
		case all || !it.trouble:
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

// choose picks n of items: the last one, those that went wrong, and then the first ones, with folds among them counted.
func choose(items []*item, n int) []bool {
	keep := make([]bool, len(items))
	if len(items) <= n && (len(items) <= maxTries || !isTry(items[0])) {
		for i := range keep {
			keep[i] = true
		}
		return keep
	}
	room := n - 1 // for the fold
	pick := func(i int) {
		if room > 0 && !keep[i] {
			keep[i] = true
			room--
		}
	}
	last := len(items) - 1
	pick(last)
	// The tries of one operation failed all but the last, each for its own reason: the newest say most about the end,
	// the first how it began.
	if isTry(items[0]) {
		room = min(room, maxTries-2)
		for i := 0; room > 0; i++ {
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
	room = min(room, maxFine-1)
	for i := range items {
		pick(i)
	}
	return keep
}

func isTry(it *item) bool {
	return it.kind == semconv.KindAttempt || it.kind == semconv.KindRecovery
}

// foldOf is the row that stands for items.
func foldOf(items []*item) *item {
	f := &item{kind: items[0].kind, mark: markNone}
	failed := 0
	for _, it := range items {
		n := max(1, it.folded)
		f.folded += n
		if it.kind != f.kind {
			f.kind = ""
		}
		f.bars = append(f.bars, it.bars...)
		f.waited += it.waited
		f.took += it.took
		f.trouble = f.trouble || it.trouble
		if it.mark == markFailed {
			failed++
		}
		if it.folded > 0 {
			failed += it.failedBelow
		}
	}
	f.failedBelow = failed
	f.name = fmt.Sprintf("%d more %s", f.folded, rowsName(f.kind, f.folded))
	if failed == f.folded {
		f.note = note{said: "all failed", style: styleFailed}
	} else if failed > 0 {
		f.note = note{said: fmt.Sprintf("%d failed", failed), style: styleFailed}
	}
	slices.SortStableFunc(f.bars, func(a, b bar) int { return int(a.kind) - int(b.kind) })
	return f
}

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
	if n == 1 {
		return names[0]
	}
	return names[1]
}
