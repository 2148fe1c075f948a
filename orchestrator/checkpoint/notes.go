package checkpoint

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
)

// Notes are what the functions of a run want to find again in the next process: how far they are, what they have made
// so far. The zero Notes are ready; they are used for one run.
type Notes struct {
	// Found is called by Resume, before any function, with each note of the processes before, by their keys. It may be
	// nil. Its error keeps the run from being resumed.
	Found func(key string, value json.RawMessage) error

	mu     sync.Mutex
	keeper *keeper
}

// A note is kept in a record.
type note struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

// Put keeps value, which is JSON, in place of an earlier value of the key. When it returns, the note survives the death
// of the process, as far as the journal can be written. Outside of a run it does nothing. It may be called from several
// goroutines at once.
func (n *Notes) Put(key string, value json.RawMessage) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.keeper != nil {
		n.keeper.write(record{Noted: &note{key, value}})
	}
}

// begin has notes kept by k; nil ends that.
func (n *Notes) begin(k *keeper) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.keeper = k
}

// tell hands out the notes of the processes before.
func (n *Notes) tell(kept map[string]json.RawMessage) error {
	if n == nil || n.Found == nil {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(kept)) {
		if err := n.Found(key, kept[key]); err != nil {
			return err
		}
	}
	return nil
}
