package eventquery

import (
	"cmp"
	"slices"

	"github.com/backspan/backspan/events"
)

// Values counts how often each value is seen: about 80,000 different ones, and how many come after them. It is
// for one goroutine.
type Values struct {
	budget *memoryBudget
	index  map[string]int // in list
	list   []ValueCount
}

// A ValueCount is how often one value was seen.
type ValueCount struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

const (
	valuesBudget = 12 << 20 // bytes
	valueSize    = 120
)

// NewValues returns Values that have seen nothing.
func NewValues() *Values { return &Values{newBudget(valuesBudget), map[string]int{}, nil} }

// Add counts one value.
func (v *Values) Add(value events.Value) {
	if i, known := v.index[string(value)]; known { // does not allocate
		v.list[i].Count++
		return
	}
	key := v.budget.name(value, valueSize)
	i, known := v.index[key]
	if !known {
		i = len(v.list)
		v.index[key] = i
		v.list = append(v.list, ValueCount{Value: key})
	}
	v.list[i].Count++
}

// Sorted returns what was counted, the commonest first, and how many are not in it because the budget was spent.
func (v *Values) Sorted() (list []ValueCount, others int64) {
	list = make([]ValueCount, 0, len(v.list))
	for _, c := range v.list {
		if c.Value == Others {
			others = c.Count
			continue
		}
		list = append(list, ValueCount{events.Value(c.Value).Text(), c.Count})
	}
	slices.SortFunc(list, func(a, b ValueCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return list, others
}
