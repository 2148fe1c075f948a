package outputs_test

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/backspan/backspan/cmd/backspan/internal/outputs"
	"github.com/backspan/backspan/orchestrator"
)

func Example() {
	dir, err := os.MkdirTemp("", "outputs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) //nolint:errcheck // of an example
	store := outputs.Store{Dir: dir}
	warn := func(err error) { fmt.Println(err) }
	mask := func(text string) string { return text }
	keeper := store.Keep(outputs.Run{SessionID: "5f0c", Pipeline: "deploy"}, mask, warn)
	keeper.Add("build", "version", json.RawMessage(`"v2"`))
	keeper.End(orchestrator.Success)

	run, err := store.Find("5f0c", "deploy")
	if err != nil {
		fmt.Println(err)
		return
	}
	version, _ := run.Output("build", "version")
	fmt.Printf("%s: %s\n", run.Status, version)
	// Output:
	// success: "v2"
}
