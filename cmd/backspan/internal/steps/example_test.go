package steps_test

import (
	"context"
	"fmt"
	"os"

	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/cmd/backspan/internal/steps"
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
	r := &steps.Runner{Stdout: steps.Stream{To: os.Stdout}, Environ: os.Environ()}
	report, err := r.Pipeline(file).Run(context.Background(), orchestrator.Options{})
	fmt.Println(report.Status, err)
	// Output:
	// print | ordered ["tea","milk"]
	// success <nil>
}
