package eventquery

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// Values counts how often each value is seen: about 80,000 different ones, and how many come after them. One is for one
// goroutine; Fork makes those of the others, and Merge puts them together again.
type Values struct {
	budget *memoryBudget
	index  map[string]int // in list
	list   []ValueCount
	errors classifier
	name   []byte // of a class of errors, while it is looked up
}

// A ValueCount is how often one value was seen.
type ValueCount struct {
	Value   string `json:"value"`
	Count   int64  `json:"count"`
	Example string `json:"example,omitempty"` // the first text of a class of errors

	first string // when Example was written
}

// ByError is the key that stands for the classes of errors, and not for each text.
const ByError = Key(events.KeyError)

const (
	valuesBudget = 12 << 20 // bytes
	valueSize    = 120
)

// NewValues returns Values that have seen nothing.
func NewValues() *Values { return newValues(newBudget(valuesBudget)) }

func newValues(budget *memoryBudget) *Values { return &Values{budget: budget, index: map[string]int{}} }

// Fork returns Values that have seen nothing and share the memory budget of v.
func (v *Values) Fork() *Values { return newValues(v.budget) }

// Merge adds what other counted, which is not to be used any more.
func (v *Values) Merge(other *Values) {
	for _, c := range other.list {
		i, known := v.index[c.Value]
		if !known {
			v.index[c.Value] = len(v.list)
			v.list = append(v.list, c)
			continue
		}
		v.budget.leave(c.Value, valueCost(c.Value[0]))
		into := &v.list[i]
		into.Count += c.Count
		if into.earlier(c.first, c.Example) {
			into.first, into.Example = c.first, c.Example
		}
	}
}

// valueCost is what a value takes of the budget beside its name, which begins with first.
func valueCost(first byte) int {
	if first == errorMark {
		return valueSize + maxExample
	}
	return valueSize
}

// earlier says whether what was written at that time is a better example than the one that is known. Of those of one
// moment it is the first in the alphabet, as forks come in no order.
func (c *ValueCount) earlier(at, text string) bool {
	return c.first == "" || cmp.Or(cmp.Compare(at, c.first), cmp.Compare(text, c.Example)) < 0
}

// Add counts the value of l that key names, if there is one.
func (v *Values) Add(l *events.Line, key Key) {
	if key == ByError {
		v.addError(l)
	} else if value := key.Of(l); value != nil {
		v.add(value)
	}
}

// errorMark stands before a class of errors in the index, where values are JSON.
const errorMark = '\x00'

func (v *Values) addError(l *events.Line) {
	if l.Detail(events.KeyError) == nil && l.Detail(events.KeyErrorType) == nil {
		return
	}
	class := v.errors.of(l)
	v.name = append(append(v.name[:0], errorMark), classText(class.Type, class.Reason)...)
	c := v.add(v.name)
	if c.Value == Others || c.first != "" && string(l.Timestamp()) > c.first {
		return
	}
	if at, said := string(l.Timestamp()), shortened(errorText(l).Text()); c.earlier(at, said) {
		c.first, c.Example = at, said
	}
}

// add counts one value.
func (v *Values) add(value []byte) *ValueCount {
	i, known := v.index[string(value)] // does not allocate
	if !known {
		key := v.budget.name(value, valueCost(value[0]))
		if i, known = v.index[key]; !known {
			i = len(v.list)
			v.index[key] = i
			v.list = append(v.list, ValueCount{Value: key})
		}
	}
	v.list[i].Count++
	return &v.list[i]
}

// Sorted returns what was counted, the commonest first, and how many are not in it because the budget was spent.
func (v *Values) Sorted() (list []ValueCount, others int64) {
	list = make([]ValueCount, 0, len(v.list))
	for _, c := range v.list {
		if c.Value == Others {
			others = c.Count
			continue
		}
		if class, isError := strings.CutPrefix(c.Value, string(errorMark)); isError {
			c.Value = class
		} else {
			c.Value = events.Value(c.Value).Text()
		}
		c.first = ""
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b ValueCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return list, others
}

// CSV writes the counts for programs.
func CSV(w io.Writer, list []ValueCount) error {
	g := &grid{columns: []column{{name: "count"}, {name: "value"}, {name: "example"}}}
	for _, c := range list {
		g.rows = append(g.rows, []cell{number(c.Count), plain(c.Value), plain(c.Example)})
	}
	return g.csv(w)
}

// Line is c for a person.
func (c *ValueCount) Line(s Style) string {
	line := fmt.Sprintf("%8d  %s", c.Count, text.Line(c.Value))
	if strings.Contains(c.Value, text.Varying) && c.Example != "" {
		line += ", for example " + text.Line(text.Reason(c.Example))
	}
	return s.cut(line)
}
