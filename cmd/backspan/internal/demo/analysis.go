package demo

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
)

// An Analysis is what the pipeline computes from the series.
type Analysis struct {
	FirstYear       int      `json:"first_year"`
	LastYear        int      `json:"last_year"`
	Rows            int      `json:"rows"`
	BaselinePPM     float64  `json:"baseline_ppm"`
	LastPPM         float64  `json:"last_ppm"`
	AboveBaseline   float64  `json:"above_baseline_percent"`
	GrowthPerDecade []Growth `json:"growth_per_decade"`
	Fastest         Growth   `json:"fastest_year"`
}

// Growth is a mean yearly change from the year before From up to To.
type Growth struct {
	From       int     `json:"from"`
	To         int     `json:"to"`
	PPMPerYear float64 `json:"ppm_per_year"`
}

// check refuses a series that has holes or is too short to compute with.
func check(rows []Row) error {
	if len(rows) < 2 {
		return fmt.Errorf("the series has %d rows, want at least 2", len(rows))
	}
	for i, r := range rows[1:] {
		if r.Year != rows[i].Year+1 {
			return fmt.Errorf("year %d follows %d, want every year once", r.Year, rows[i].Year)
		}
	}
	return nil
}

func analyse(rows []Row, baseline float64) (Analysis, error) {
	if err := check(rows); err != nil {
		return Analysis{}, err
	}
	if baseline <= 0 {
		return Analysis{}, fmt.Errorf("the baseline is %v ppm, want more than 0", baseline)
	}
	first, last := rows[0], rows[len(rows)-1]
	a := Analysis{
		FirstYear: first.Year, LastYear: last.Year, Rows: len(rows),
		BaselinePPM: baseline, LastPPM: last.PPM,
		AboveBaseline: round(100 * (last.PPM/baseline - 1)),
	}
	var yearly []Growth
	for i := 1; i < len(rows); i++ {
		yearly = append(yearly, growth(rows, i-1, i))
	}
	a.Fastest = slices.MaxFunc(yearly, func(x, y Growth) int { return cmp.Compare(x.PPMPerYear, y.PPMPerYear) })
	for from := 0; from+1 < len(rows); from += rowsPerPage {
		a.GrowthPerDecade = append(a.GrowthPerDecade, growth(rows, from, min(from+rowsPerPage, len(rows)-1)))
	}
	return a, nil
}

func growth(rows []Row, from, to int) Growth {
	return Growth{
		From: rows[from].Year + 1, To: rows[to].Year,
		PPMPerYear: round((rows[to].PPM - rows[from].PPM) / float64(to-from)),
	}
}

// round keeps two decimals, as many as the data has.
func round(x float64) float64 { return math.Round(x*100) / 100 }

// writeResult writes the analysis to its file.
func writeResult(to cli.Target, a Analysis) error {
	text, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	return to.WriteFile(func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}
