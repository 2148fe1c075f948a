package doctor

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/backspan/backspan/telemetry"
)

// examine calls Examine. Nothing listens at Jaeger's address unless p has one.
func examine(t *testing.T, p Setup) Report {
	t.Helper()
	if p.jaegerAt == nil {
		nowhere := "http://" + closedPort(t)
		p.jaegerAt = func(string) string { return nowhere }
	}
	if p.Timeout == 0 {
		p.Timeout = 10 * time.Second
	}
	return Examine(t.Context(), p)
}

// has fails the test unless r has a finding with all texts.
func has(t *testing.T, r Report, check string, status Status, texts ...string) {
	t.Helper()
	for _, f := range r.Checks {
		all := f.Text + "\n" + f.Advice
		missing := slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(all, text) })
		if f.Check == check && f.Status == status && !missing {
			if status == Problem && r.OK {
				t.Error("there is a problem, and all is OK")
			}
			return
		}
	}
	t.Errorf("no %s of %s with %q in %+v", status, check, texts, r.Checks)
}

// hasNone fails the test if r has such a finding.
func hasNone(t *testing.T, r Report, check string, status Status) {
	t.Helper()
	for _, f := range r.Checks {
		if f.Check == check && f.Status == status {
			t.Errorf("%+v", f)
		}
	}
}

func TestAllIsWell(t *testing.T) {
	t.Chdir(t.TempDir())
	c := &collector{}
	asked := make(chan string, 1)
	jaeger := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		hasTrace(w, r)
	})
	r := examine(t, Setup{
		Config:   telemetry.Config{Endpoint: serveGRPC(t, c, nil), Service: "shop"},
		jaegerAt: func(string) string { return "http://" + jaeger },
	})
	if !r.OK || r.Problems != 0 || len(r.TraceID) != 32 {
		t.Errorf("%+v", r)
	}
	has(t, r, "endpoint", OK, "(Endpoint)", "grpc", "without TLS")
	has(t, r, "test span", OK, r.TraceID, `"shop"`)
	has(t, r, "jaeger", OK, "http://"+jaeger+"/trace/"+r.TraceID)
	has(t, r, "clock", OK, "Jaeger's clock")
	if got, want := <-asked, "/api/v3/traces/"+r.TraceID; got != want {
		t.Errorf("Jaeger was asked for %s, want %s", got, want)
	}
	if got := c.seen(); !slices.Equal(got, []string{spanName}) {
		t.Errorf("the collector got %q", got)
	}
	if left, err := os.ReadDir("."); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// The test span is sent whatever the sampler does with other spans.
func TestTheSamplerIsNotInTheWayOfTheTestSpan(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	c := &collector{}
	r := examine(t, Setup{Config: telemetry.Config{Endpoint: serveGRPC(t, c, nil)}})
	has(t, r, "sampler", Problem, "always_off (OTEL_TRACES_SAMPLER)", "unset OTEL_TRACES_SAMPLER")
	has(t, r, "test span", OK)
	if r.OK || r.Problems != 1 {
		t.Errorf("%+v", r)
	}
}

func TestWhyACollectorDoesNotTakeTheSpan(t *testing.T) {
	t.Chdir(t.TempDir())
	web := serveHTTPS(t, takes)
	secure := web.Listener.Addr().String()
	secureGRPC := serveGRPC(t, &collector{}, &web.TLS.Certificates[0])
	grpcAt, httpAt := serveGRPC(t, &collector{}, nil), serveHTTP(t, takes)
	hole := serveTCP(t, "")
	for _, c := range []struct {
		name     string
		config   telemetry.Config
		trust    bool
		contains []string
	}{
		{
			"dead",
			telemetry.Config{Endpoint: closedPort(t)},
			false,
			[]string{"nothing listens at 127.0.0.1:", "start the collector"},
		},
		{
			"dead, HTTP",
			telemetry.Config{Endpoint: "http://" + closedPort(t), Protocol: "http/protobuf"},
			false,
			[]string{"nothing listens"},
		},
		{
			"no such socket",
			telemetry.Config{Endpoint: "unix:///nowhere/otel.sock"},
			false,
			[]string{"nothing listens at /nowhere/otel.sock"},
		},
		{"blackhole", telemetry.Config{Endpoint: hole}, false, []string{"takes connections and says nothing"}},
		{
			"blackhole, HTTP",
			telemetry.Config{Endpoint: hole, Protocol: "http/protobuf"},
			false,
			[]string{"takes connections and says nothing"},
		},
		{
			"blackhole, TLS",
			telemetry.Config{Endpoint: "https://" + hole},
			false,
			[]string{"takes connections and says nothing"},
		},
		{
			"HTTP port for gRPC",
			telemetry.Config{Endpoint: httpAt},
			false,
			[]string{
				"speaks HTTP/1.1 and not gRPC", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "http://127.0.0.1:4317",
			},
		},
		{
			"gRPC port for HTTP",
			telemetry.Config{Endpoint: grpcAt, Protocol: "http/protobuf"},
			false,
			[]string{"speaks gRPC and not HTTP/1.1", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "http://127.0.0.1:4318"},
		},
		{
			"TLS to plaintext gRPC",
			telemetry.Config{Endpoint: "https://" + grpcAt},
			false,
			[]string{"speaks without TLS", "endpoint http://" + grpcAt},
		},
		{
			"TLS to plaintext HTTP",
			telemetry.Config{Endpoint: "https://" + httpAt, Protocol: "http/json"},
			false,
			[]string{"speaks without TLS", "endpoint http://" + httpAt},
		},
		{
			"plaintext to TLS gRPC",
			telemetry.Config{Endpoint: secureGRPC},
			false,
			[]string{"wants TLS", "endpoint https://" + secureGRPC},
		},
		{
			"plaintext to TLS HTTP",
			telemetry.Config{Endpoint: "http://" + secure, Protocol: "http/protobuf"},
			false,
			[]string{"wants TLS", "endpoint https://" + secure},
		},
		{
			"untrusted, gRPC",
			telemetry.Config{Endpoint: "https://" + secureGRPC},
			false,
			[]string{"is not trusted", "OTEL_EXPORTER_OTLP_CERTIFICATE"},
		},
		{
			"untrusted, HTTP",
			telemetry.Config{Endpoint: "https://" + secure, Protocol: "http/protobuf"},
			false,
			[]string{"is not trusted"},
		},
		{
			"another name",
			telemetry.Config{Endpoint: "https://localhost:" + strings.TrimPrefix(secureGRPC, "127.0.0.1:")},
			true,
			[]string{"is not trusted", "localhost"},
		},
		{
			"something else",
			telemetry.Config{Endpoint: serveTCP(t, "220 mail.example.com ESMTP\r\n")},
			false,
			[]string{"speaks neither"},
		},
		{
			"credentials",
			telemetry.Config{
				Endpoint: serveGRPC(t, &collector{err: status.Error(codes.Unauthenticated, "who are you")}, nil),
			},
			false,
			[]string{"wants credentials", "who are you", "--otlp-header"},
		},
		{
			"no traces",
			telemetry.Config{Endpoint: serveGRPC(t, nil, nil)},
			false,
			[]string{"takes no traces", "unknown service"},
		},
		{
			"wrong path",
			telemetry.Config{Endpoint: "http://" + httpAt + "/otlp"},
			false,
			[]string{"the collector did not take it", "404", "are the path and the headers right"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.trust {
				t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", authority(t, web))
			}
			r := examine(t, Setup{Config: c.config, Timeout: 2 * time.Second})
			has(t, r, "test span", Problem, c.contains...)
			if r.Problems != 1 || r.TraceID != "" {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestTLSWorks(t *testing.T) {
	t.Chdir(t.TempDir())
	web := serveHTTPS(t, takes)
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", authority(t, web))
	for _, c := range []telemetry.Config{
		{Endpoint: serveGRPC(t, &collector{}, &web.TLS.Certificates[0])},
		{Endpoint: web.URL, Protocol: "http/protobuf"},
	} {
		r := examine(t, Setup{Config: c})
		has(t, r, "endpoint", OK, "with TLS")
		has(t, r, "test span", OK)
		if !r.OK {
			t.Errorf("%+v", r)
		}
	}
}

func TestWhenNothingIsSent(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		name   string
		config telemetry.Config
		env    map[string]string
		check  string
		texts  []string
	}{
		{
			"disabled",
			telemetry.Config{},
			map[string]string{"OTEL_SDK_DISABLED": "true"},
			"export",
			[]string{"no spans and no events", "unset"},
		},
		{
			"half disabled",
			telemetry.Config{},
			map[string]string{"OTEL_SDK_DISABLED": "1"},
			"export",
			[]string{`OTEL_SDK_DISABLED is "1"`, "want true or false"},
		},
		{
			"none",
			telemetry.Config{},
			map[string]string{"OTEL_TRACES_EXPORTER": "none"},
			"export",
			[]string{"OTEL_TRACES_EXPORTER is none"},
		},
		{
			"console",
			telemetry.Config{},
			map[string]string{"OTEL_TRACES_EXPORTER": "console"},
			"export",
			[]string{"printed and not sent"},
		},
		{
			"zipkin",
			telemetry.Config{},
			map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"},
			"export",
			[]string{"want otlp, console or none"},
		},
		{"declined", telemetry.Config{NoExport: true}, nil, "export", []string{"NoExport: no span leaves"}},
		{
			"contradiction",
			telemetry.Config{Endpoint: "https://x", Insecure: new(true)},
			nil, "endpoint",
			[]string{"want no https while --otlp-insecure is true"},
		},
		{
			"endpoint",
			telemetry.Config{Endpoint: "ftp://x"},
			nil, "endpoint",
			[]string{`Endpoint is "ftp://x"`, "want host:port"},
		},
		{
			"header",
			telemetry.Config{Headers: map[string]string{"a b": "s3cret"}},
			nil, "settings",
			[]string{`Headers is "a b"`},
		},
		{
			"timeout",
			telemetry.Config{},
			map[string]string{"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"},
			"settings",
			[]string{"OTEL_EXPORTER_OTLP_TIMEOUT"},
		},
		{
			"sampler",
			telemetry.Config{},
			map[string]string{"OTEL_TRACES_SAMPLER": "some"},
			"sampler",
			[]string{`is "some"`, "want always_on"},
		},
		{
			"propagators",
			telemetry.Config{},
			map[string]string{"OTEL_PROPAGATORS": "pigeon"},
			"propagators",
			[]string{"pigeon"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			if c.config.Endpoint == "" && c.check != "export" {
				c.config.Endpoint = serveGRPC(t, &collector{}, nil)
			}
			source := func(name string) string { return strings.Replace(name, "Insecure", "--otlp-insecure", 1) }
			r := examine(t, Setup{Config: c.config, Source: source})
			has(t, r, c.check, Problem, c.texts...)
			if c.check == "sampler" || c.check == "endpoint" {
				has(t, r, "settings", OK, "but for what is named below")
			}
			for _, f := range r.Checks {
				if strings.Contains(f.Text+f.Advice, "s3cret") {
					t.Errorf("it tells a secret: %+v", f)
				}
			}
		})
	}
}

// Spans are sent to an endpoint variable without a scheme. The finding says what other programs understand too.
func TestAVariableWithoutASchemeIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	address := serveGRPC(t, &collector{}, nil)
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		t.Setenv(name, address)
		r := examine(t, Setup{})
		has(t, r, "endpoint", OK, "("+name+")")
		has(t, r, "endpoint", Note, name+` is "`+address+`"`, "want http://"+address+",")
		has(t, r, "test span", OK)
		t.Setenv(name, "http://"+address)
		for _, f := range examine(t, Setup{}).Checks {
			if f.Check == "endpoint" && f.Status != OK {
				t.Errorf("%s with a scheme: %+v", name, f)
			}
		}
		t.Setenv(name, "")
	}
}

func TestNotes(t *testing.T) {
	t.Chdir(t.TempDir())
	quiet := telemetry.Config{NoExport: true}
	ratio := quiet
	ratio.Sampler, ratio.SamplerArg = "traceidratio", "0.125"
	has(t, examine(t, Setup{Config: ratio}), "sampler", Note, "12.5% of the new traces")
	t.Setenv("OTEL_PROPAGATORS", "b3")
	has(t, examine(t, Setup{Config: quiet}), "propagators", Note, "add tracecontext")
	off := quiet
	off.Events = telemetry.Off
	source := func(string) string { return "--events" }
	has(t, examine(t, Setup{Config: off, Source: source}), "events", Note, "no event log (--events)")
}

func TestTheParentIsLookedAt(t *testing.T) {
	t.Chdir(t.TempDir())
	const id = "0af7651916cd43dd8448eb211c80319c"
	for _, c := range []struct {
		header, sampler string
		status          Status
		text            string
	}{
		{"00-" + id + "-b7ad6b7169203331-01", "", OK, id},
		{"00-" + id + "-b7ad6b7169203331-00", "", Problem, "is not sampled"},
		{"00-" + id + "-b7ad6b7169203331-00", "always_on", OK, id},
		{"00-" + id + "-0000000000000000-01", "", Problem, "no trace context"},
		{"nonsense", "", Problem, `"nonsense"`},
	} {
		t.Setenv("TRACEPARENT", c.header)
		r := examine(t, Setup{Config: telemetry.Config{NoExport: true, Sampler: c.sampler}})
		has(t, r, "parent", c.status, c.text)
	}
}

func TestWhatJaegerSays(t *testing.T) {
	t.Chdir(t.TempDir())
	endpoint := serveGRPC(t, &collector{}, nil)
	calls := 0
	late := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		if calls++; calls < 3 {
			hasNoTrace(w, r)
			return
		}
		hasTrace(w, r)
	})
	never := serveHTTP(t, hasNoTrace)
	web := serveHTTP(t, http.NotFound)
	app := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<!doctype html><title>Jaeger UI")
	})
	other := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for _, c := range []struct {
		name, url string
		status    Status
		text      string
	}{
		{"after a moment", "http://" + late, OK, "it has the test span"},
		{"never", "http://" + never, Note, "does not have the test span yet"},
		{"another program", "http://" + other + "/", Note, "answers 418"},
		{"a web server", "http://" + web, Problem, web + " is no Jaeger, or one before version 2"},
		{"a page of an app for each path", "http://" + app + "/search", Problem, "without a page's own path"},
		{"no scheme", app, Problem, "which is no URL"},
		{"nobody", "http://" + closedPort(t), Problem, "BACKSPAN_JAEGER_URL"},
		{"unparsable", "http://%", Problem, "BACKSPAN_JAEGER_URL"},
		{"nobody was named", "", Note, "there is none at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := examine(t, Setup{
				Config: telemetry.Config{Endpoint: endpoint}, JaegerURL: c.url, Timeout: 3 * time.Second,
			})
			has(t, r, "jaeger", c.status, c.text)
		})
	}
}

// A Jaeger that was named is looked for also when no collector took the test span.
func TestANamedJaegerIsAskedWithoutATestSpan(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		url    string
		status Status
		text   string
	}{
		{"http://" + serveHTTP(t, hasNoTrace), OK, "answers; there is no test span"},
		{"http://" + serveHTTP(t, http.NotFound), Problem, "is no Jaeger"},
		{"http://" + closedPort(t), Problem, "does not answer"},
	} {
		config := telemetry.Config{Endpoint: closedPort(t)}
		r := examine(t, Setup{Config: config, JaegerURL: c.url, Timeout: 3 * time.Second})
		has(t, r, "jaeger", c.status, c.text)
	}
}

// hasTrace and hasNoTrace answer as Jaeger does.
func hasTrace(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"result":{"resourceSpans":[]}}`)
}

func hasNoTrace(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, `{"error":{"httpCode":404,"message":"No traces found"}}`, http.StatusNotFound)
}

func TestWhatIsNoJaegerIsOnlyNotedWhereNobodyNamedIt(t *testing.T) {
	t.Chdir(t.TempDir())
	web := serveHTTP(t, http.NotFound)
	r := examine(t, Setup{
		Config:   telemetry.Config{Endpoint: serveGRPC(t, &collector{}, nil)},
		jaegerAt: func(string) string { return "http://" + web },
	})
	has(t, r, "jaeger", Note, web+" is no Jaeger", "if Jaeger is elsewhere")
	has(t, r, "clock", OK, "there is no other clock") // that of another server says nothing of Jaeger's
}

func TestClocksAreCompared(t *testing.T) {
	t.Chdir(t.TempDir())
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		remote time.Duration
		status Status
		text   string
	}{
		{"same", 0, OK, "as the collector's clock"},
		{"a little off", 30 * time.Second, OK, "as the collector's clock"},
		{"ahead", -2 * time.Hour, Problem, "1h59m59s ahead of the collector's clock"},
		{"behind", 2 * time.Hour, Problem, "2h0m0s behind the collector's clock"},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", now.Add(c.remote).Format(http.TimeFormat))
				takes(w, r)
			})
			r := examine(t, Setup{
				Config: telemetry.Config{Endpoint: address, Protocol: "http/protobuf"},
				now:    func() time.Time { return now },
			})
			has(t, r, "clock", c.status, c.text)
		})
	}
}

func TestACancelledExaminationEndsSoon(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := Examine(ctx, Setup{Config: telemetry.Config{Endpoint: serveTCP(t, "")}, Timeout: time.Hour})
	has(t, r, "test span", Problem)
}

func TestTheTraceFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path   string
		status Status
		text   string
	}{
		{"new/dir/trace.json", OK, "can be made"},
		{"file", OK, "can be written"},
		{".", Problem, "is a directory"},
		{filepath.Join("file", "trace.json"), Problem, "file"},
	} {
		r := examine(t, Setup{Config: telemetry.Config{NoExport: true, TraceFile: c.path}})
		has(t, r, "trace file", c.status, c.text)
	}
	if _, err := os.Stat("new"); err == nil {
		t.Error("it made the directory")
	}
}
