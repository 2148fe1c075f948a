package outputs

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/wholefile"
	"github.com/backspan/backspan/internal/safefile"
	"github.com/backspan/backspan/orchestrator"
)

// A Store is a directory with the outputs of runs, a file for each. Nobody named it: no component of its path may be a
// symbolic link, and what another user could have written is no output of a run.
type Store struct{ Dir string }

// mostRuns is how many runs are kept. The oldest ones go.
const mostRuns = 100

// Runs lists the runs of s, the newest first. Files that are none are left out. A directory that is not there has no
// runs.
func (s Store) Runs() ([]*Run, error) {
	paths, err := s.paths()
	if err != nil {
		return nil, err
	}
	var runs []*Run
	for _, path := range paths {
		err := s.with(filepath.Base(path), func(p *safefile.Path) error {
			file, err := p.Open()
			if err != nil {
				return err
			}
			run, err := readRun(file, path)
			if err == nil {
				runs = append(runs, run)
			}
			return err
		})
		_ = err // another backspan may have removed it, or another user put it there
	}
	slices.SortStableFunc(runs, func(a, b *Run) int { return b.Started.Compare(a.Started) })
	return runs, nil
}

// paths are the files of s. A link on the way to them is an error.
func (s Store) paths() (paths []string, err error) {
	err = s.with("any", (*safefile.Path).Check)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return nil, err
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		if entry.Type().IsRegular() && strings.HasSuffix(entry.Name(), ".json") {
			paths = append(paths, filepath.Join(s.Dir, entry.Name()))
		}
	}
	return paths, nil
}

// with calls do with the path of a file in s.
func (s Store) with(name string, do func(*safefile.Path) error) error {
	safe, err := safefile.New(filepath.Join(s.Dir, name), safefile.Default)
	if err != nil {
		return err
	}
	return errors.Join(do(safe), safe.Close())
}

// Find returns the newest run of a pipeline with that session, or with the only session that begins so.
func (s Store) Find(session, pipeline string) (*Run, error) {
	runs, err := s.Runs()
	if err != nil {
		return nil, err
	}
	var found *Run
	for _, run := range runs {
		switch {
		case run.Pipeline != pipeline || !strings.HasPrefix(run.SessionID, session):
		case run.SessionID == session:
			return run, nil
		case found != nil && found.SessionID != run.SessionID:
			return nil, fmt.Errorf("sessions %s and %s both begin so; give more of it", found.SessionID, run.SessionID)
		case found == nil:
			found = run
		}
	}
	if found == nil {
		return nil, fmt.Errorf("there is no such file, and no such session of pipeline %q in %s", pipeline, s.Dir)
	}
	return found, nil
}

// A Keeper writes the file of one run. Its methods may be called from several goroutines.
type Keeper struct {
	path string
	mask func(string) string
	warn func(error)

	mu      sync.Mutex
	run     Run
	results map[string]map[string]json.RawMessage // by phase and step
	failed  bool
}

// Keep begins to keep the outputs of a run. mask changes what looks like a secret. warn is called once, when the
// outputs cannot be kept.
func (s Store) Keep(run Run, mask func(string) string, warn func(error)) *Keeper {
	sum := sha256.Sum256([]byte(run.SessionID + "\x00" + run.File)) // an id that the user gave may be no file name
	run.Phases = []Phase{}                                          // in JSON no null, which no report has
	k := &Keeper{
		path: filepath.Join(s.Dir, hex.EncodeToString(sum[:16])+".json"), mask: mask, warn: warn,
		run: run, results: map[string]map[string]json.RawMessage{},
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.write()
	if err := s.prune(); err != nil && !k.failed {
		warn(err)
	}
	return k
}

// prune removes the oldest files.
func (s Store) prune() error {
	paths, err := s.paths()
	if err != nil || len(paths) <= mostRuns {
		return err
	}
	changed := func(path string) (at time.Time) {
		if info, err := os.Stat(path); err == nil {
			at = info.ModTime()
		}
		return at
	}
	slices.SortFunc(paths, func(a, b string) int { return changed(b).Compare(changed(a)) })
	for _, path := range paths[mostRuns:] {
		if rmErr := s.with(filepath.Base(path), (*safefile.Path).Remove); !errors.Is(rmErr, os.ErrNotExist) {
			err = cmp.Or(err, rmErr)
		}
	}
	return err
}

// Add keeps an output.
func (k *Keeper) Add(phase, step string, value json.RawMessage) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.run.Phases, func(p Phase) bool { return p.Phase == phase })
	if i < 0 {
		i = len(k.run.Phases)
		k.run.Phases = append(k.run.Phases, Phase{Phase: phase})
		k.results[phase] = map[string]json.RawMessage{}
	}
	p := &k.run.Phases[i]
	p.Secret = slices.DeleteFunc(p.Secret, func(other string) bool { return other == step })
	if text := readable(value); k.mask(text) != text {
		p.Secret = append(p.Secret, step)
		delete(k.results[phase], step)
	} else {
		k.results[phase][step] = value
	}
	p.Result = nil
	if result := k.results[phase]; len(result) > 0 {
		p.Result, _ = json.Marshal(result) // of valid JSON it does not fail
	}
	k.write()
}

// readable is the text that stands in a JSON text, or another value as it is.
func readable(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

// End notes how the run ended.
func (k *Keeper) End(status orchestrator.Status) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.run.Status = status
	k.write()
}

// write writes the file, until that has failed once.
func (k *Keeper) write() {
	if k.failed {
		return
	}
	text, err := json.MarshalIndent(k.run, "", "  ")
	if err == nil {
		err = wholefile.Write(k.path, safefile.Default, append(text, '\n'))
	}
	if err != nil {
		k.failed = true
		k.warn(fmt.Errorf("outputs are not kept: %w", err))
	}
}
