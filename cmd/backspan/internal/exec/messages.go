package exec

import (
	"io"
	"slices"
	"sync"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
)

// messages prints what backspan has to say beside the command. Telemetry speaks at any time: while the command has the
// terminal, which a pager draws on, messages are kept back.
type messages struct {
	to io.Writer // nil: nothing is printed

	mu      sync.Mutex
	holding bool
	held    []string
}

// tell prints a message, or keeps it until release. A message that is kept already is not kept twice.
func (m *messages) tell(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case !m.holding:
		m.print(text)
	case !slices.Contains(m.held, text):
		m.held = append(m.held, text)
	}
}

// now prints a message that cannot wait for the command.
func (m *messages) now(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.print(text)
}

// hold keeps messages back from now on.
func (m *messages) hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holding = true
}

// release prints what was kept.
func (m *messages) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, text := range m.held {
		m.print(text)
	}
	m.holding, m.held = false, nil
}

func (m *messages) print(text string) {
	if m.to != nil {
		cli.Printf(m.to, "backspan: %s\n", text)
	}
}
