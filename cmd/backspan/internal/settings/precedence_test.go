package settings

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/telemetry"
)

// resolved is what the flags args come to, with variables and a configuration file around them.
func resolved(t *testing.T, args []string, env map[string]string, file string) (telemetry.Config, *Flags, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(configVariable, path)
	for name, value := range env {
		t.Setenv(name, value)
	}
	flags := &Flags{}
	command := &cobra.Command{}
	flags.Register(command, "data/trace.json")
	flags.RegisterCI(command)
	if err := command.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	c, err := flags.Config()
	return c, flags, err
}

// Each setting is said in every place; then the places fall silent one after the other.
func TestFlagsWinOverVariablesOverTheFileOverDefaults(t *testing.T) {
	read := func(c telemetry.Config) otelenv.Settings { return otelenv.Read(Program(c, nil)) }
	endpoint := func(c telemetry.Config) string { return read(c).Endpoint.Value }
	for _, c := range []struct {
		flag, byFlag, byBackspan string
		otel, byOTel             string // a variable of OpenTelemetry's; empty: there is none
		byFile                   string // a line of the file
		read                     func(telemetry.Config) string
		want                     [5]string // by flag, BACKSPAN_, OTEL_, file, default
	}{
		{
			"events", "a", "b", "", "", "events: d", func(c telemetry.Config) string { return c.Events },
			[5]string{"a", "b", "", "d", ""},
		},
		{
			"trace-file", "a", "b", "", "", "trace_file: d", func(c telemetry.Config) string { return c.TraceFile },
			[5]string{"a", "b", "", "d", "data/trace.json"},
		},
		{
			"otlp-endpoint", "a:1", "b:2", "OTEL_EXPORTER_OTLP_ENDPOINT", "c:3", "otlp_endpoint: d:4", endpoint,
			[5]string{"https://a:1", "https://b:2", "https://c:3", "https://d:4", "http://localhost:4317"},
		},
		{
			"otlp-insecure", "true", "true", "OTEL_EXPORTER_OTLP_INSECURE", "false", "otlp_insecure: true",
			func(c telemetry.Config) string {
				c.Endpoint = "x:1"
				return endpoint(c)
			},
			[5]string{"http://x:1", "http://x:1", "https://x:1", "http://x:1", "https://x:1"},
		},
		{
			"otlp-header", "k=a", "k=b%2Cb,l=b", "OTEL_EXPORTER_OTLP_HEADERS", "k=c",
			"otlp_endpoint: localhost:1\notlp_header: {k: d}",
			func(c telemetry.Config) string { return read(c).Headers["k"] + read(c).Headers["l"] },
			[5]string{"a", "b,bb", "c", "d", ""},
		},
		{
			"service", "a", "b", "OTEL_SERVICE_NAME", "c", "service: d",
			func(c telemetry.Config) string { return read(c).Service.Value },
			[5]string{"a", "b", "c", "d", programName(t)},
		},
		{
			"service", "a", "b", "OTEL_RESOURCE_ATTRIBUTES", "service.name=c", "service: d",
			func(c telemetry.Config) string { return read(c).Service.Value },
			[5]string{"a", "b", "c", "d", programName(t)},
		},
		{
			"sample", "0.1", "0.2", "OTEL_TRACES_SAMPLER", "always_off", "sample: 0.4",
			func(c telemetry.Config) string { return c.Sampler + c.SamplerArg },
			[5]string{
				"parentbased_traceidratio0.1", "parentbased_traceidratio0.2", "", "parentbased_traceidratio0.4", "",
			},
		},
		{
			"no-export", "true", "true", "OTEL_TRACES_EXPORTER", "otlp", "no_export: true",
			func(c telemetry.Config) string { return read(c).Exporter.Value },
			[5]string{"none", "none", "otlp", "none", "otlp"},
		},
		{
			"otlp-insecure", "false", "false", "OTEL_EXPORTER_OTLP_TRACES_INSECURE", "true", "otlp_insecure: false",
			func(c telemetry.Config) string {
				c.Endpoint = "x:1"
				return endpoint(c)
			},
			[5]string{"https://x:1", "https://x:1", "http://x:1", "https://x:1", "https://x:1"},
		},
		{
			"no-export", "false", "false", "OTEL_TRACES_EXPORTER", "none", "no_export: false",
			func(c telemetry.Config) string { return read(c).Exporter.Value },
			[5]string{"otlp", "otlp", "none", "otlp", "otlp"},
		},
		{ // how to export is not for --no-export to say
			"no-export", "false", "false", "OTEL_TRACES_EXPORTER", "console", "no_export: false",
			func(c telemetry.Config) string { return read(c).Exporter.Value },
			[5]string{"console", "console", "console", "otlp", "otlp"},
		},
		{
			"redact", "[a,]a", "b{1,2}", "", "", "redact: [d, c]",
			func(c telemetry.Config) string { return c.Redact("a,a bb cd token=abcdef") },
			[5]string{
				"a*** bb cd token=***", "a,a *** cd token=***", "", "a,a bb ****** token=***", "a,a bb cd token=***",
			},
		},
		{
			"redact", "off", "off", "", "", "redact: off",
			func(c telemetry.Config) string { return c.Redact("token=abcdef") },
			[5]string{"token=abcdef", "token=abcdef", "", "token=abcdef", "token=***"},
		},
	} {
		at := all[slices.IndexFunc(all, func(s setting) bool { return s.flag == c.flag })]
		for silent, want := range c.want {
			if silent == 2 && c.otel == "" {
				continue
			}
			t.Run(c.flag+[...]string{" by flag", " by variable", " by " + c.otel, " by file", " by default"}[silent],
				func(t *testing.T) {
					var args []string
					env := map[string]string{}
					file := ""
					if silent <= 0 {
						args = []string{"--" + c.flag + "=" + c.byFlag}
					}
					if silent <= 1 {
						env[at.variable()] = c.byBackspan
					}
					if silent <= 2 && c.otel != "" {
						env[c.otel] = c.byOTel
					}
					if silent <= 3 {
						file = c.byFile
					}
					config, _, err := resolved(t, args, env, file)
					if err != nil {
						t.Fatal(err)
					}
					if got := c.read(config); got != want {
						t.Errorf("got %q, want %q", got, want)
					}
				})
		}
	}
}

func programName(t *testing.T) string {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(name)
}

// A file must not turn on what a variable turned off, nor make a way insecure that a variable named.
func TestTheFileDoesNotMixIntoVariables(t *testing.T) {
	const file = "otlp_endpoint: d:4\notlp_insecure: true\n"
	config, _, err := resolved(t, nil, map[string]string{"OTEL_TRACES_EXPORTER": "none"}, file)
	if err != nil || otelenv.Read(Program(config, nil)).Exporter.Value != otelenv.ExporterNone {
		t.Errorf("%+v, %v", config, err)
	}
	config, _, err = resolved(t, nil, map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, file)
	if err != nil || config.Endpoint != "d:4" || config.Insecure == nil || !*config.Insecure {
		t.Errorf("%+v, %v", config, err)
	}
	config, _, err = resolved(t, nil, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://c:3"}, file)
	if err != nil || config.Insecure != nil || config.Endpoint != "" {
		t.Errorf("%+v, %v", config, err)
	}
}

func TestErrorsNameWhoSaidIt(t *testing.T) {
	for _, c := range []struct {
		args []string
		env  map[string]string
		file string
		want string
	}{
		{[]string{"--sample=2"}, nil, "", `--sample is "2", want a share from 0 to 1`},
		{nil, map[string]string{"BACKSPAN_SAMPLE": "x"}, "", `BACKSPAN_SAMPLE is "x"`},
		{nil, nil, "# none\nsample: NaN\n", `config.yaml:2:9: sample is "NaN", want a share`},
		{
			nil,
			map[string]string{"BACKSPAN_OTLP_INSECURE": "yes"},
			"",
			`BACKSPAN_OTLP_INSECURE is "yes", want true or false (did you mean true?)`,
		},
		{nil, nil, "no_export: maybe", `config.yaml:1:12: no_export is "maybe", want true or false`},
		{[]string{"--otlp-header=s3cret"}, nil, "", "--otlp-header cannot be used, want key=value"},
		{
			nil,
			map[string]string{"BACKSPAN_OTLP_HEADER": "s3cret"},
			"",
			"BACKSPAN_OTLP_HEADER cannot be used (pair 1 has no name or no =), want name=value pairs",
		},
		{nil, map[string]string{"BACKSPAN_OTLP_HEADER": "k=%zz"}, "", "BACKSPAN_OTLP_HEADER cannot be used"},
		{nil, map[string]string{"BACKSPAN_OTLP_HEADER": "=s3cret"}, "", "BACKSPAN_OTLP_HEADER cannot be used"},
		{
			[]string{"--redact=(", "--redact=x"},
			nil, "",
			"--redact cannot be used (missing closing )), want a regular expression of Go, or off",
		},
		{[]string{"--redact=x", "--redact=off"}, nil, "", "--redact is off and 1 more, want off alone or expressions"},
		{
			nil,
			map[string]string{"BACKSPAN_REDACT": "*s3cret"},
			"",
			"BACKSPAN_REDACT cannot be used (missing argument to repetition operator), want a regular expression",
		},
		{nil, nil, "redact: '[s3cret'", "config.yaml:1:9: redact cannot be used (missing closing ]), want a"},
		{nil, nil, "redact: [a, '[']", "config.yaml:1:13: redact cannot be used (missing closing ]), want a"},
		{nil, nil, "redact: ''", `config.yaml:1:9: redact is "", want a regular expression, or off`},
		{
			[]string{"--otlp-endpoint=ftp://x"},
			nil, "",
			`--otlp-endpoint is "ftp://x" (unknown scheme ftp), want host:port`,
		},
		{nil, map[string]string{"BACKSPAN_OTLP_ENDPOINT": "ftp://x"}, "", "BACKSPAN_OTLP_ENDPOINT is"},
		{nil, nil, "otlp_endpoint: ftp://x", "config.yaml:1:16: otlp_endpoint is"},
		{nil, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://x"}, "", "OTEL_EXPORTER_OTLP_ENDPOINT is"},
		{[]string{"--ci=on"}, nil, "", `--ci is "on", want auto, off or github`},
		{nil, map[string]string{"BACKSPAN_CI": "gihub"}, "", `BACKSPAN_CI is "gihub", want auto, off or github (did`},
		{nil, nil, "ci: no", `config.yaml:1:5: ci is "no", want auto, off or github`},
		{
			nil,
			map[string]string{"OTEL_PROPAGATORS": "pigeon"},
			"",
			`OTEL_PROPAGATORS is "pigeon" ("pigeon" is not known), want a list of tracecontext`,
		},
		{
			[]string{"--otlp-endpoint=https://x", "--otlp-insecure"},
			nil, "",
			`--otlp-endpoint is "https://x", want no https while --otlp-insecure is true`,
		},
	} {
		t.Run(c.want, func(t *testing.T) {
			_, _, err := resolved(t, c.args, c.env, c.file)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestConfigFiles(t *testing.T) {
	for _, c := range []struct{ text, want string }{ // what follows the path; empty: no error
		{"", ""},
		{"# a comment\n", ""},
		{"---\n", ""},
		{"service: 7\nevents: off\n", ""},
		{"otlp_header: {a: b, c: d}\n", ""},
		{
			"service: a\notlp_endpont: b\n",
			`:2:1: unknown key "otlp_endpont" (did you mean otlp_endpoint?), want one of events, `,
		},
		{"otlp-endpoint: b\n", `:1:1: unknown key "otlp-endpoint" (did you mean otlp_endpoint?)`},
		{"service: a\nservice: b\n", ":2:1: service stands here again, after "},
		{"service: [a]\n", ":1:10: service wants one value"},
		{"service:\n", ":1:9: service wants one value"},
		{"redact: off\n", ""},
		{"redact: [a, b]\n", ""},
		{"redact: [[a]]\n", ":1:10: redact wants one value"},
		{"redact: {a: b}\n", ":1:9: redact wants one value"},
		{"otlp_header: a=b\n", ":1:14: otlp_header wants names with values"},
		{"otlp_header: {a: b, a: c}\n", ":1:21: a name stands here again"},
		{"otlp_header: {a: [b]}\n", ":1:15: want a name with one value"},
		{"otlp_header: {Bearer s3cret}\n", ":1:15: want a name with one value"},
		{"otlp_header: {authorization: *s3cret}\n", ":"},
		{"authorization=Bearer s3cret: x\n", ":1:1: unknown key, want one of events, "},
		{"- service\n", ":1:1: want keys with values"},
		{"service: a\n---\nservice: b\n", ":2:1: a second document"},
		{"service: &x a\nevents: *x\n", ":2:9: events wants one value"},
		{"a: b: c\n", ":1:5: mapping values are not allowed"},
		{"service: [\n", ":"},
		{"\tservice: a\n", ":1:1: "},
	} {
		_, _, err := resolved(t, nil, nil, c.text)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%q: %v", c.text, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), "config.yaml"+c.want) ||
			strings.Contains(err.Error(), "s3cret")):
			t.Errorf("%q: error %v, want %s", c.text, err, c.want)
		}
	}
}

func TestWhereTheConfigFileIs(t *testing.T) {
	t.Chdir(t.TempDir())
	home := t.TempDir()
	for _, name := range []string{"XDG_CONFIG_HOME", "HOME", "AppData"} {
		t.Setenv(name, home)
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// One in the working directory is not read: somebody else may have put it there.
	write("backspan.yaml", "service: here")
	write("config.yaml", "service: here")
	if file, err := readFile(); err != nil || len(file) != 0 {
		t.Errorf("%v, %v", file, err)
	}
	write(filepath.Join(dir, "backspan", "config.yaml"), "events: home.jsonl")
	if got := EventsFile(); got != "home.jsonl" {
		t.Errorf("the events file is %s", got)
	}
	t.Setenv("BACKSPAN_EVENTS", "variable.jsonl")
	if got := EventsFile(); got != "variable.jsonl" {
		t.Errorf("the events file is %s", got)
	}
	t.Setenv(configVariable, "off")
	if file, err := readFile(); err != nil || len(file) != 0 {
		t.Errorf("off: %v, %v", file, err)
	}
	t.Setenv(configVariable, "missing.yaml")
	if _, err := readFile(); err == nil || !strings.Contains(err.Error(), configVariable+": ") {
		t.Errorf("a file that is named and missing: %v", err)
	}
}

// An exec that cannot use its variables and file goes on with what was typed, but does not forget what is to be masked.
func TestWhatIsToBeMaskedIsNotForgotten(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		file string
		want string // of "corp-1 token=abcdef"
	}{
		{nil, "", "corp-1 token=***"},
		{map[string]string{"BACKSPAN_REDACT": `corp-\d`}, "", "*** token=***"},
		{nil, `redact: corp-\d`, "*** token=***"},
		{map[string]string{"BACKSPAN_REDACT": "("}, "", "(not shown, as what is to be masked is not known)"},
		{nil, "redact: (", "(not shown, as what is to be masked is not known)"},
		{nil, "nonsense", "(not shown, as what is to be masked is not known)"},
	} {
		_, flags, _ := resolved(t, nil, c.env, c.file) // its error is why the typed ones are asked
		config, err := flags.TypedOnly().Config()
		if err != nil {
			t.Fatal(err)
		}
		if got := config.Redact("corp-1 token=abcdef"); got != c.want {
			t.Errorf("%v, %q: got %q, want %q", c.env, c.file, got, c.want)
		}
		for name := range c.env {
			t.Setenv(name, "")
		}
	}
}
