package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

const composeFile = "docker-compose.yml"

func TestComposeFileStartsAJaegerForThisMachineAlone(t *testing.T) {
	project := loadCompose(t, readFile(t, filepath.Join(root, composeFile)))
	for _, fault := range composeFaults(project) {
		t.Error(fault)
	}
	jaeger := composeService(t, "jaeger")
	var published []string
	for _, port := range jaeger.Ports {
		published = append(published, port.Published+":"+fmt.Sprint(port.Target))
	}
	slices.Sort(published)
	if want := []string{"16686:16686", "4317:4317", "4318:4318"}; !slices.Equal(published, want) {
		t.Errorf("jaeger publishes %v, want %v: the ports that programs and people look for", published, want)
	}
}

// The profile metrics adds Prometheus and Grafana, and nothing that is not on the disk; without it there is Jaeger
// alone.
func TestComposeProfileOfMetrics(t *testing.T) {
	all := loadCompose(t, readFile(t, filepath.Join(root, composeFile)))
	plain, err := all.WithProfiles(nil)
	if err != nil {
		t.Fatal(err)
	}
	if names := plain.ServiceNames(); !slices.Equal(names, []string{"jaeger"}) {
		t.Errorf("without a profile there are %v, want jaeger alone", names)
	}
	metrics, err := all.WithProfiles([]string{"metrics"})
	if err != nil {
		t.Fatal(err)
	}
	if names := metrics.ServiceNames(); !slices.Equal(names, []string{"grafana", "jaeger", "prometheus"}) {
		t.Errorf("the profile has %v", names)
	}
	mounted := map[string]string{} // from the path in a container to that on the disk
	for _, service := range metrics.Services {
		for _, volume := range service.Volumes {
			if info, err := os.Stat(volume.Source); err != nil || !info.Mode().IsRegular() || !volume.ReadOnly {
				t.Errorf("%s mounts %s: %v, read only %v", service.Name, volume.Source, err, volume.ReadOnly)
			}
			mounted[volume.Target] = volume.Source
		}
	}
	dashboard := composeService(t, "grafana").Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if dashboard == nil || mounted[*dashboard] != filepath.Join(root, "deploy", "grafana.json") {
		t.Errorf("Grafana begins with %v, which is %v", dashboard, mounted)
	}
	scraper := composeService(t, "prometheus")
	if !slices.Contains(scraper.Command, "--enable-feature=exemplar-storage") ||
		len(scraper.ExtraHosts["host.docker.internal"]) == 0 {
		t.Errorf("Prometheus keeps no exemplars, or does not find this machine: %v, %v",
			scraper.Command, scraper.ExtraHosts)
	}
}

// The profile temporal adds a server where the example's worker and starter look for it.
func TestComposeProfileOfTemporal(t *testing.T) {
	project, err := loadCompose(t, readFile(t, filepath.Join(root, composeFile))).WithProfiles([]string{"temporal"})
	if err != nil {
		t.Fatal(err)
	}
	if names := project.ServiceNames(); !slices.Equal(names, []string{"jaeger", "temporal"}) {
		t.Errorf("the profile has %v", names)
	}
	published := composeService(t, "temporal").Ports[0].Published
	example := readFile(t, filepath.Join(root, "orchestrator", "temporal", "example", "nightly.go"))
	if !strings.Contains(example, `"localhost:`+published+`"`) {
		t.Errorf("the server is published at %s, and the example looks elsewhere", published)
	}
}

// composeFaults finds each kind of fault.
func TestComposeFaultsAreSeen(t *testing.T) {
	good := readFile(t, filepath.Join(root, composeFile))
	for _, c := range []struct{ name, old, replacement, fault string }{
		{"open to the network", "127.0.0.1:4317:4317", "4317:4317", "loopback"},
		{"open to the network by address", "127.0.0.1:4318:4318", "0.0.0.0:4318:4318", "loopback"},
		{"newest image", "jaeger:2.20.0", "jaeger:latest", "version"},
		{"any image", "jaeger:2.20.0", "jaeger", "version"},
		{"moving minor version", "jaeger:2.20.0", "jaeger:2.20", "version"},
		{"no digest", "jaeger:2.20.0@sha256:", "jaeger:2.20.0@", "digest"},
		{"no digest of another", "grafana:12.1.1@sha256:", "grafana:12.1.1@", "digest"},
		{
			"no health check",
			"healthcheck:\n      test: [\"CMD\", \"wget\", \"--quiet\", \"--spider\", \"http://localhost:9090",
			"x-healthcheck:\n      test: [\"CMD\", \"wget\", \"--quiet\", \"--spider\", \"http://localhost:9090",
			"health",
		},
		{
			"health check switched off", "retries: 12\n\n  prometheus:",
			"retries: 12\n      disable: true\n\n  prometheus:", "health",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := strings.ReplaceAll(good, c.old, c.replacement)
			if bad == good {
				t.Fatalf("%q is not in %s any more", c.old, composeFile)
			}
			faults := composeFaults(loadCompose(t, bad))
			if len(faults) != 1 || !strings.Contains(faults[0], c.fault) {
				t.Errorf("faults = %q, want one about %q", faults, c.fault)
			}
		})
	}
}

var pinned = regexp.MustCompile(`^[\w./-]+:v?\d+\.\d+\.\d+@sha256:[0-9a-f]{64}$`)

// composeFaults says what is wrong with the services of a project, whichever they are.
func composeFaults(project *types.Project) (faults []string) {
	for name, service := range project.Services {
		if !pinned.MatchString(service.Image) {
			faults = append(faults,
				fmt.Sprintf("%s: image %q is not pinned to a version of three numbers and digest", name, service.Image))
		}
		for _, port := range service.Ports {
			if ip, err := netip.ParseAddr(port.HostIP); err != nil || !ip.IsLoopback() {
				faults = append(faults, fmt.Sprintf("%s: port %s is published on %q, not on loopback",
					name, port.Published, port.HostIP))
			}
		}
		if check := service.HealthCheck; check == nil || check.Disable || len(check.Test) < 2 ||
			check.Interval == nil || check.Timeout == nil {
			faults = append(faults, name+": no complete health check")
		}
	}
	return faults
}

// composeService is one service of the project's compose file.
func composeService(t *testing.T, name string) types.ServiceConfig {
	t.Helper()
	service, err := loadCompose(t, readFile(t, filepath.Join(root, composeFile))).GetService(name)
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// loadCompose reads a compose file as docker compose does, validation against the schema included, and without any
// variable of this machine.
func loadCompose(t *testing.T, content string) *types.Project {
	t.Helper()
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  root,
		ConfigFiles: []types.ConfigFile{{Filename: composeFile, Content: []byte(content)}},
		Environment: types.Mapping{},
	}, func(o *loader.Options) {
		o.SetProjectName("backspan", true)
		o.Profiles = []string{"*"}
	})
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
