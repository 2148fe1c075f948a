package pipefile_test

import (
	"fmt"

	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
)

func ExampleParse() {
	_, err := pipefile.Parse("nightly.yaml",
		[]byte("name: nightly\nphases:\n  - name: fetch\n    needs: [ftech]\n    stepz: []\n"))
	fmt.Println(err)
	// Output:
	// nightly.yaml:3:5: phases[0]: has no steps: the steps of the phase, which run one after the other
	// nightly.yaml:5:5: phases[0]: unknown key "stepz"; did you mean "steps"?
}
