package pipefile_test

import (
	"context"
	"fmt"
	"os"

	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/orchestrator"
)

const nightly = `
name: nightly
phases:
  - name: fetch
    steps:
      - name: orders
        run: echo '["tea", "milk"]'
        output: json
        retry: {max_retries: 2, base_delay: 1s, attempt_timeout: 10s}
  - name: publish
    steps:
      - name: print
        run: echo "ordered $BACKSPAN_OUTPUT_FETCH_ORDERS"
`

func Example() {
	file, err := pipefile.Parse("nightly.yaml", []byte(nightly))
	if err != nil {
		fmt.Println(err)
		return
	}
	runner := &pipefile.Runner{Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ()}
	report, err := file.Pipeline(runner).Run(context.Background(), orchestrator.Options{})
	fmt.Println(report.Status, err)
	// Output:
	// print | ordered ["tea","milk"]
	// success <nil>
}

func ExampleParse() {
	_, err := pipefile.Parse("nightly.yaml", []byte("name: nightly\nphases:\n  - name: fetch\n    needs: [ftech]\n    stepz: []\n"))
	fmt.Println(err)
	// Output:
	// nightly.yaml:3:5: phases[0]: has no steps: the steps of the phase, which run one after the other
	// nightly.yaml:5:5: phases[0]: unknown key "stepz"; did you mean "steps"?
}

func ExampleFile_Plan() {
	file, err := pipefile.Parse("nightly.yaml", []byte(nightly))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(file.Plan(false, 0).Phases[0].Worst)
	// Output:
	// 3 commands, 3s of waiting, 48s in all
}
