package orchestrator

import (
	"encoding/json"
	"fmt"

	"github.com/backspan/backspan/internal/boundtext"
)

// spanRecovery is a Recovery as recovery.result on a phase's span has it.
type spanRecovery struct {
	Attempted bool              `json:"attempted"`
	Success   bool              `json:"success"`
	Message   string            `json:"message"`
	Attempts  []json.RawMessage `json:"attempts"`
	Omitted   int               `json:"omitted,omitempty"` // attempts left out between the first and the last ones
}

// What an attempt may take in recovery.result, in bytes of each text: as long as all of them fit, and in a long list.
// JSON may take six bytes for one.
const (
	maxAttemptText = 512
	minAttemptText = 128
)

// recoveryText is the recovery of a phase as JSON of at most boundtext.MaxRecoveryResult bytes. When there are too many
// attempts for that, the first and the last ones are in it. A large result is replaced by its size.
func recoveryText(result *PhaseResult) string {
	r := result.Recovery
	s := spanRecovery{Attempted: r.Attempted, Success: r.Success, Message: r.Message}
	size := 0
	for i := 0; i < len(r.Attempts) && size <= boundtext.MaxRecoveryResult; i++ {
		s.Attempts = append(s.Attempts, attemptText(result, i, maxAttemptText))
		size += len(s.Attempts[i])
	}
	if text := s.text(); len(text) <= boundtext.MaxRecoveryResult && len(s.Attempts) == len(r.Attempts) {
		return text
	}
	s.Attempts, s.Omitted = nil, len(r.Attempts)
	var first, last []json.RawMessage
	space := boundtext.MaxRecoveryResult - len(s.text())
	for from, to := 0, len(r.Attempts)-1; from <= to; s.Omitted-- {
		i, list := to, &last
		if len(first) < len(last) {
			i, list = from, &first
		}
		text := attemptText(result, i, minAttemptText)
		if space -= len(text) + 1; space < 0 {
			break
		}
		*list = append(*list, text)
		if i == to && list == &last {
			to--
		} else {
			from++
		}
	}
	for i := len(last) - 1; i >= 0; i-- {
		first = append(first, last[i])
	}
	s.Attempts = first
	return s.text()
}

func (s *spanRecovery) text() string {
	text, err := json.Marshal(s)
	if err != nil {
		return err.Error() // unreachable: every part was marshalled before
	}
	return string(text)
}

// attemptText is the JSON of recovery attempt i, whose error and result take at most limit bytes before escaping.
func attemptText(result *PhaseResult, i, limit int) json.RawMessage {
	a := result.Recovery.Attempts[i]
	a.Error = boundtext.Of(a.Error, nil, limit)
	if output := result.Result; a.Status == AttemptSuccess && len(output) > limit {
		a.Result = fmt.Appendf(nil, `{"size": %d}`, len(output))
	}
	text, err := json.Marshal(a)
	if err != nil {
		return json.RawMessage(`{}`) // unreachable, as above
	}
	return text
}
