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

// Values counts how often each value is seen: about 80,000 different ones, and how many come after them. It is
// for one goroutine.
type Values struct {
	budget *memoryBudget
	index  map[string]int // in list
	list   []ValueCount
	errors classifier
}

// A ValueCount is how often one value was seen.
type ValueCount struct {
	Value   string `json:"value"`
	Count   int64  `json:"count"`
	Example string `json:"example,omitempty"` // the first text of a class of errors
}

// ByError is the key that stands for the classes of errors, and not for each text.
const ByError = Key(events.KeyError)

const (
	valuesBudget = 12 << 20 // bytes
	valueSize    = 120
)

// NewValues returns Values that have seen nothing.
func NewValues() *Values { return &Values{budget: newBudget(valuesBudget), index: map[string]int{}} }

// Add counts the value of l that key names, if there is one.
func (v *Values) Add(l *events.Line, key Key) {
	if key == ByError {
		v.addError(l)
	} else if value := key.Of(l); value != nil {
		v.add(value, 0)
	}
}

// errorMark stands before a class of errors in the index, where values are JSON.
const errorMark = '\x00'

func (v *Values) addError(l *events.Line) {
	if l.Detail(events.KeyError) == nil && l.Detail(events.KeyErrorType) == nil {
		return
	}
	class := v.errors.of(l)
	c := v.add([]byte(string(errorMark)+classText(class.Type, class.Reason)), maxExample)
	if c.Count == 1 && c.Value != Others {
		c.Example = shortened(errorText(l).Text())
	}
}

// add counts one value, of which size more bytes are kept.
func (v *Values) add(value []byte, size int) *ValueCount {
	i, known := v.index[string(value)] // does not allocate
	if !known {
		key := v.budget.name(value, valueSize+size)
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
