package demo

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

//go:embed data/co2.csv
var co2 []byte

// A Row is one year of the series.
type Row struct {
	Year int
	PPM  float64 // parts per million by volume
}

// A Page is one part of the series as the service's catalog lists it.
type Page struct {
	Path   string `json:"path"`
	Rows   int    `json:"rows"`
	SHA256 string `json:"sha256"` // of the page's body, in hex

	body []byte
}

const (
	catalogPath  = "/v1/catalog"
	baselinePath = "/v1/baseline"
	rowsPerPage  = 10
)

// baselinePPM is the concentration before industrialisation, the level that the analysis compares with.
const baselinePPM = 278.3

// pages cuts the embedded series into parts of ten years.
func pages() ([]Page, error) {
	rows, err := parse(co2)
	if err != nil {
		return nil, fmt.Errorf("the embedded data set: %w", err)
	}
	var list []Page
	for len(rows) > 0 {
		part := rows[:min(rowsPerPage, len(rows))]
		rows = rows[len(part):]
		body := format(part)
		sum := sha256.Sum256(body)
		list = append(list, Page{
			Path:   fmt.Sprintf("/v1/co2/%d-%d", part[0].Year, part[len(part)-1].Year),
			Rows:   len(part),
			SHA256: hex.EncodeToString(sum[:]),
			body:   body,
		})
	}
	return list, nil
}

func format(rows []Row) []byte {
	var b bytes.Buffer
	b.WriteString("year,ppm\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "%d,%.2f\n", r.Year, r.PPM)
	}
	return b.Bytes()
}

// parse reads a series in CSV, and names the line of what it cannot read.
func parse(body []byte) ([]Row, error) {
	records, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, errors.New("line 1: no header, want year,ppm")
	}
	rows := make([]Row, 0, len(records)-1)
	for i, record := range records[1:] {
		line := i + 2
		year, err := strconv.Atoi(record[0])
		if err != nil {
			return nil, fmt.Errorf("line %d: year is %q, want a whole number", line, record[0])
		}
		ppm, err := strconv.ParseFloat(record[1], 64)
		if err != nil || ppm <= 0 {
			return nil, fmt.Errorf("line %d: ppm is %q, want a number above 0", line, record[1])
		}
		rows = append(rows, Row{year, ppm})
	}
	return rows, nil
}
