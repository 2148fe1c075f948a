package plan_test

import (
	"fmt"

	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/cmd/backspan/internal/plan"
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
	fmt.Println(plan.Of(file, false, 0).Phases[0].Worst)
	// Output:
	// 3 commands, 3s of waiting, 48s in all
}
