package orchestrator

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/backspan/backspan/internal/decide"
	"github.com/backspan/backspan/retry"
)

// checkFields checks everything about the phases that does not depend on how they hang together, and fills in the
// policies and the index.
func (p *Plan) checkFields() error {
	if !usable(p.pipeline.Name) {
		value := fmt.Sprintf("%q", p.pipeline.Name)
		return &FieldError{Field: "Pipeline.Name", Value: value, Want: "a name, for example nightly"}
	}
	if len(p.pipeline.Phases) == 0 {
		return &FieldError{Field: "Pipeline.Phases", Value: "empty", Want: "at least one phase"}
	}
	if err := checkPolicy("Pipeline.Recovery", p.pipeline.Recovery); err != nil {
		return err
	}
	p.index = make(map[string]int, len(p.pipeline.Phases))
	p.policies = make([]retry.Policy, len(p.pipeline.Phases))
	for i, phase := range p.pipeline.Phases {
		if err := p.checkPhase(i, phase); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) checkPhase(i int, phase Phase) error {
	name, value := fmt.Sprintf("Pipeline.Phases[%d].Name", i), fmt.Sprintf("%q", phase.Name)
	first, taken := p.index[phase.Name]
	switch {
	case !usable(phase.Name):
		return &FieldError{Field: name, Value: value, Want: "a name, for example data_preparation"}
	case taken:
		return &FieldError{Field: name, Value: value, Want: fmt.Sprintf("another name: Phases[%d] has this one", first)}
	case phase.Run == nil:
		return &FieldError{Field: fieldOf(phase.Name, "Run"), Value: "nil", Want: "a function"}
	case phase.Timeout < 0:
		return &FieldError{Field: fieldOf(phase.Name, "Timeout"), Value: phase.Timeout.String(), Want: "0 or more"}
	case phase.If > Always:
		field, value := fieldOf(phase.Name, "If"), fmt.Sprint(phase.If)
		return &FieldError{Field: field, Value: value, Want: "one of the Condition constants"}
	}
	p.index[phase.Name] = i
	policy := p.pipeline.Recovery
	if phase.Recovery != nil {
		policy = *phase.Recovery
		if err := checkPolicy(fieldOf(phase.Name, "Recovery"), policy); err != nil {
			return err
		}
	}
	if policy.BaseDelay == 0 {
		policy.BaseDelay = min(DefaultBaseDelay, policy.WithDefaults().MaxDelay)
	}
	p.policies[i] = policy.WithDefaults()
	return nil
}

// fieldOf is the field called name of a phase, as a FieldError spells it.
func fieldOf(phase, name string) string { return fmt.Sprintf("Pipeline.Phases[%q].%s", phase, name) }

// usable reports whether name says something and can be exported: OTLP refuses text that is not UTF-8.
func usable(name string) bool { return strings.TrimSpace(name) != "" && utf8.ValidString(name) }

// checkPolicy returns a *FieldError for the first field of policy that cannot be used. name is what its user calls it.
func checkPolicy(name string, policy retry.Policy) error {
	if bad := decide.Check(policy, name); bad != nil {
		return (*FieldError)(bad)
	}
	return nil
}

// Validate returns a *FieldError for the first option that cannot be used, or nil; RunID must be set. It is for engines
// that check the options in another process than the one that drives the run.
func (o Options) Validate() error {
	switch {
	case o.MaxParallel < 0:
		return &FieldError{Field: "Options.MaxParallel", Value: fmt.Sprint(o.MaxParallel), Want: "0 or more"}
	case o.Grace < 0:
		return &FieldError{Field: "Options.Grace", Value: o.Grace.String(), Want: "0 or more"}
	case !usable(o.RunID):
		return &FieldError{Field: "Options.RunID", Value: fmt.Sprintf("%q", o.RunID), Want: "an id, a UUID best of all"}
	}
	return nil
}
