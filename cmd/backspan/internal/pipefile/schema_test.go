package pipefile

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// shippedSchema is where editors find the schema without having backspan.
const shippedSchema = "../../../../examples/pipeline/pipeline.schema.json"

func TestTheShippedSchemaIsTheOneOfTheParser(t *testing.T) {
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(shippedSchema, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shipped, err := os.ReadFile(shippedSchema)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(shipped, Schema()) {
		t.Errorf("%s is not what the parser's tables say; UPDATE=1 writes it anew", shippedSchema)
	}
}

// everything uses every key, in each of its forms where that matters to the schema.
const everything = `
name: nightly build
vars: {region: eu, day: null, n: 3}
env: {A: text, B: 1.5, C: true, D: ""}
retry: {max_retries: 2, base_delay: 100ms, max_delay: 30s, multiplier: 1.5, jitter: full, attempt_timeout: 1m30s, max_elapsed: 0, retry_on: [7, 75-78, timeout], stop_on: signal, retry_on_output: 503, stop_on_output: [denied, not found], before_retry: echo again}
recovery: {max_retries: unlimited, base_delay: 0, max_delay: 30s, multiplier: 2, jitter: none, attempt_timeout: 1m, max_elapsed: 1h}
grace: 1s
shell: [bash, -euo, pipefail, -c]
continue_on_error: true
phases:
  - name: a
    timeout: 5m
    dir: sub
    env: {E: x}
    retry: {max_retries: 0}
    recovery: {max_retries: 1}
    shell: [zsh, -c]
    allow_failure: false
    success_codes: [0, 24]
    skip_codes: 75-78
    fallback: echo fallback
    dry_run: [echo, dry]
    steps:
      - name: one
        run: echo one
        retry: {stop_on: [2], before_retry: [echo, again]}
        output: json
        env: {F: y}
        dir: deeper
        shell: [sh, -c]
        allow_failure: true
        success_codes: 1-3
        skip_codes: [75, 80-90]
      - {name: two, run: [sleep, 0.1], output: text}
  - name: b
    needs: [a]
    if: failure
    if_began: a
    steps: [{name: one, run: x}]
`

// A judge is the schema as a validator of its own sees it.
type judge struct{ *jsonschema.Schema }

func newJudge(t *testing.T) judge {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("pipeline.schema.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("pipeline.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return judge{compiled}
}

// says returns what the schema says of a value.
func (j judge) says(t *testing.T, value any) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(mustJSON(t, value)))
	if err != nil {
		t.Fatal(err)
	}
	return j.Validate(v)
}

// reads returns the problems that the parser finds in single values: what a schema could find too.
func reads(t *testing.T, value any) []Problem {
	t.Helper()
	r := newReader()
	if document := r.document([]byte(mustJSON(t, value))); document != nil { // JSON is YAML, too
		fileKind.read(r, document, "")
	}
	return r.problems
}

// A spot is one value within a document, which can be replaced.
type spot struct {
	path string
	old  any
	set  func(any)
}

// spots lists a value, which set changes, and all values in it.
func spots(path string, value any, set func(any)) []spot {
	list := []spot{{path, value, set}}
	switch v := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			list = append(list, spots(path+"."+key, v[key], func(to any) { v[key] = to })...)
		}
	case []any:
		for i := range v {
			list = append(list, spots(path+"[]", v[i], func(to any) { v[i] = to })...)
		}
	}
	return list
}

func parsed(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// Each value of a document that uses every key is replaced by values of all sorts. Parser and schema must judge
// alike.
func TestSchemaAndParserAgree(t *testing.T) {
	judge := newJudge(t)
	values := []any{
		nil, "", " ", "x", "a-b", "x y", "1x", "a\nb", "a\x00b", "1s", "1m30s", "1.5h", "-1s", "5", "0", "unlimited",
		"forever", "full",
		"failure", "json", "text", "timeout", "75-78", "7", "1000", "A_B", "TRACEPARENT", "ä",
		0, 1, 3, -1, 1.5, 0.5, 256, 1000001, true, false,
		[]any{},
		[]any{"x"},
		[]any{1, "x"},
		[]any{nil},
		[]any{[]any{}},
		[]any{"timeout", 7},
		[]any{map[string]any{}},
		map[string]any{},
		map[string]any{"x": "y"},
		map[string]any{"name": "x", "run": "y"},
		map[string]any{"X": nil},
		map[string]any{"name": "x", "steps": []any{map[string]any{"name": "s", "run": []any{"r"}}}},
		map[string]any{"max_retries": 1},
		map[string]any{"retry_on": 1},
		map[string]any{"1": "x"},
		map[string]any{"BACKSPAN_PHASE": "x"},
	}
	verdicts := map[bool]int{}
	check := func(what string, document any) {
		t.Helper()
		problems, err := reads(t, document), judge.says(t, document)
		if (len(problems) == 0) != (err == nil) {
			t.Errorf("%s: the parser says %v, the schema %v", what, problems, err)
		}
		verdicts[err == nil]++
	}
	check("everything", parsed(t, everything))
	if len(reads(t, parsed(t, everything))) > 0 {
		t.Fatal("nothing else can be judged: everything is refused")
	}
	var root any = parsed(t, everything)
	for _, at := range spots("", root, func(to any) { root = to }) {
		for _, value := range values {
			at.set(value)
			check(at.path+" = "+mustJSON(t, value), root)
		}
		at.set(at.old)
	}
	if verdicts[true] < 200 || verdicts[false] < 1000 {
		t.Errorf("%d documents taken and %d refused are too few of one kind to mean anything",
			verdicts[true], verdicts[false])
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What is required, and what is not known.
func TestSchemaAndParserAgreeOnKeys(t *testing.T) {
	judge := newJudge(t)
	type object = map[string]any
	at := map[string]func(object) object{
		"file":     func(o object) object { return o },
		"retry":    func(o object) object { return o["retry"].(object) },
		"recovery": func(o object) object { return o["recovery"].(object) },
		"phase":    func(o object) object { return o["phases"].([]any)[0].(object) },
		"step":     func(o object) object { return o["phases"].([]any)[0].(object)["steps"].([]any)[0].(object) },
	}
	for what, find := range at {
		for _, key := range slices.Concat(keysOf(find(parsed(t, everything))),
			[]string{"retries", "Name", "retry_on ", "<<", "x-", "x-common", "X-a"}) {
			document := parsed(t, everything)
			object := find(document)
			if _, there := object[key]; there {
				delete(object, key)
			} else {
				object[key] = "x"
			}
			problems, err := reads(t, document), judge.says(t, document)
			if (len(problems) == 0) != (err == nil) {
				t.Errorf("%s, %s: the parser says %v, the schema %v", what, key, problems, err)
			}
		}
	}
}

// The document that the others are made from must know all that the tables do.
func TestEverythingUsesEveryKey(t *testing.T) {
	document := parsed(t, everything)
	phase := document["phases"].([]any)[0].(map[string]any)
	for i, extra := range []string{"needs", "if", "if_began"} {
		phase[extra] = i // they are on the other phase
	}
	for what, c := range map[string]struct {
		used  any
		known []string
	}{
		"file":     {document, names(fileKeys)},
		"phase":    {phase, names(phaseKeys)},
		"step":     {phase["steps"].([]any)[0], names(stepKeys)},
		"retry":    {document["retry"], names(retryKeys)},
		"recovery": {document["recovery"], names(recoveryKeys)},
	} {
		got, want := keysOf(c.used.(map[string]any)), slices.Sorted(slices.Values(c.known))
		if !slices.Equal(got, want) {
			t.Errorf("%s: uses %v, want %v", what, got, want)
		}
	}
}

func names[T any](keys []key[T]) (list []string) {
	for _, k := range keys {
		list = append(list, k.name)
	}
	return list
}

func keysOf(m map[string]any) (list []string) {
	for key := range m {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}
