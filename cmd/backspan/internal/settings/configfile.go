package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/yamlfile"
	"github.com/backspan/backspan/internal/nearest"
	"github.com/backspan/backspan/internal/safefile"
	"github.com/backspan/backspan/telemetry"
)

// configVariable names the configuration file, or is off.
const configVariable = "BACKSPAN_CONFIG"

// configPath is where the configuration file is; asked says that somebody named it, so that it has to be there.
// It is never looked for in the working directory: whoever can write there could send the spans elsewhere.
func configPath() (path string, asked bool) {
	if path := os.Getenv(configVariable); path == telemetry.Off {
		return "", false
	} else if path != "" {
		return path, true
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", false // there is no home: no file of its owner either
	}
	return filepath.Join(dir, "backspan", "config.yaml"), false
}

// CheckFile says what is wrong with the configuration file.
func CheckFile() error {
	_, err := readFile()
	return err
}

// readFile reads the configuration file: a mapping with the names of the telemetry flags as keys, _ instead of -.
// Without a file it returns nothing.
func readFile() (map[string]given, error) {
	path, asked := configPath()
	if path == "" {
		return nil, nil
	}
	text, err := readOwn(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !asked:
		return nil, nil
	case err != nil && asked:
		return nil, cli.UsageError(fmt.Errorf("%s: %w", configVariable, err))
	case err != nil:
		return nil, cli.UsageError(err)
	}
	f := configFile{path: path, found: map[string]given{}}
	if err := f.parse(text); err != nil {
		return nil, cli.UsageError(err)
	}
	return f.found, nil
}

// maxConfigFile is many times what all keys take.
const maxConfigFile = 1 << 20

// readOwn reads a configuration file that only this user and root can write: it says where spans go, and with which
// credentials.
func readOwn(path string) ([]byte, error) {
	file, err := safefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	if path == os.DevNull {
		return nil, nil
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // it is read more than once
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxConfigFile:
		return nil, fmt.Errorf("%s has %d bytes, want at most %d", path, info.Size(), maxConfigFile)
	}
	if err := safefile.Foreign(info); err != nil {
		return nil, fmt.Errorf("the configuration file %s %w", path, err)
	}
	if err := ownDirectory(path); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(file, maxConfigFile))
}

// ownDirectory refuses a configuration file that others can replace in its directory.
func ownDirectory(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	dir := filepath.Dir(real)
	info, err := os.Stat(dir)
	if err == nil {
		err = safefile.Foreign(info)
	}
	if err != nil {
		return fmt.Errorf("the directory %s of the configuration file %w", dir, err)
	}
	return nil
}

// configFile is a file while it is read.
type configFile struct {
	path  string
	found map[string]given
}

func (f *configFile) at(n *yaml.Node) string {
	return fmt.Sprintf("%s:%d:%d", f.path, n.Line, n.Column)
}

func (f *configFile) bad(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s: %s", f.at(n), fmt.Sprintf(format, args...))
}

func (f *configFile) parse(text []byte) error {
	top, err := yamlfile.Load(bytes.NewReader(text))
	if err != nil {
		return f.syntax(err)
	}
	if top == nil || top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return nil
	}
	if top.Kind != yaml.MappingNode {
		return f.bad(top, "want keys with values, like service: nightly")
	}
	for i := 0; i+1 < len(top.Content); i += 2 {
		if err := f.setting(top.Content[i], top.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (f *configFile) syntax(err error) error {
	at, ok := errors.AsType[*yamlfile.Error](err)
	if ok && strings.HasPrefix(at.Message, "unknown anchor") { // it names what stands behind *, which may be a secret
		at.Message = "a text that begins with * wants quotes"
	}
	return yamlfile.In(f.path, err)
}

// setting reads one key with its value.
func (f *configFile) setting(key, value *yaml.Node) error {
	keys := make([]string, len(all))
	for i, s := range all {
		keys[i] = s.key()
	}
	i := slices.Index(keys, key.Value)
	if i < 0 && strings.ContainsAny(key.Value, " =") { // a line of something else, which may hold a secret
		return f.bad(key, "unknown key, want one of %s", strings.Join(keys, ", "))
	}
	if i < 0 {
		return f.bad(key, "unknown key %q%s, want one of %s",
			key.Value, nearest.Ask(key.Value, keys), strings.Join(keys, ", "))
	}
	if before, ok := f.found[key.Value]; ok {
		return f.bad(key, "%s stands here again, after %s", key.Value, before.by)
	}
	v := given{by: f.at(value) + ": " + key.Value}
	var err error
	switch {
	case all[i].list:
		v.texts, err = f.pairs(key.Value, value)
	case all[i].many && value.Kind == yaml.SequenceNode:
		v.texts, err = f.items(all[i], value)
	default:
		v.texts, err = f.scalar(key.Value, value)
	}
	f.found[key.Value] = v
	return err
}

func (f *configFile) scalar(key string, value *yaml.Node) ([]string, error) {
	if value.Kind != yaml.ScalarNode || value.Tag == "!!null" {
		return nil, f.bad(value, "%s wants one value, as in %s: …", key, key)
	}
	return []string{value.Value}, nil
}

// items reads a list of texts, and checks each, so that an error says where it stands.
func (f *configFile) items(s setting, value *yaml.Node) (list []string, err error) {
	for _, item := range value.Content {
		texts, err := f.scalar(s.key(), item)
		if err == nil {
			err = s.check(given{texts, f.at(item) + ": " + s.key()})
		}
		if err != nil {
			return nil, err
		}
		list = append(list, texts...)
	}
	return list, nil
}

// pairs reads a mapping of names to texts as a list of name=text. Its errors have neither: a text may be a secret, and
// what is written in another way than it should be may have one in place of a name.
func (f *configFile) pairs(key string, value *yaml.Node) (list []string, err error) {
	if value.Kind != yaml.MappingNode {
		return nil, f.bad(value, "%s wants names with values, as in {x-team: payments}", key)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(value.Content); i += 2 {
		name := value.Content[i]
		if seen[name.Value] {
			return nil, f.bad(name, "a name stands here again")
		}
		text, err := f.scalar(key, value.Content[i+1])
		if err != nil {
			return nil, f.bad(name, "want a name with one value, as in {x-team: payments}")
		}
		seen[name.Value] = true
		list = append(list, name.Value+"="+text[0])
	}
	return list, nil
}
