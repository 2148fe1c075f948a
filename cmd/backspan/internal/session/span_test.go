package session

import (
	"math"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// Attributes come from files too: of any type, and beyond what a duration or a count can be.
func TestAttributesAreRead(t *testing.T) {
	for _, c := range []struct {
		value     attribute.Value
		seconds   time.Duration
		isSeconds bool
		number    int
		isNumber  bool
	}{
		{attribute.Float64Value(0.25), ms(250), true, 0, false},
		{attribute.Float64Value(0), 0, true, 0, true},
		{attribute.Float64Value(2), 2 * time.Second, true, 2, true},
		{attribute.Int64Value(2), 2 * time.Second, true, 2, true},
		{attribute.Float64Value(-1), 0, false, -1, true},
		{attribute.Float64Value(math.NaN()), 0, false, 0, false},
		{attribute.Float64Value(math.Inf(1)), 876_000 * time.Hour, true, 0, false},
		{attribute.Float64Value(math.Inf(-1)), 0, false, 0, false},
		{attribute.Float64Value(1e300), 876_000 * time.Hour, true, 0, false},
		{attribute.Int64Value(math.MaxInt64), 876_000 * time.Hour, true, math.MaxInt64, true},
		{attribute.StringValue("2"), 0, false, 0, false},
		{attribute.BoolValue(true), 0, false, 0, false},
		{attribute.Value{}, 0, false, 0, false},
	} {
		s := Span{Attributes: []attribute.KeyValue{{Key: "k", Value: c.value}}}
		if d, ok := s.Seconds("k"); d != c.seconds || ok != c.isSeconds {
			t.Errorf("%v: seconds are %v, %v; want %v, %v", c.value, d, ok, c.seconds, c.isSeconds)
		}
		if n, ok := s.Number("k"); n != c.number || ok != c.isNumber {
			t.Errorf("%v: the number is %v, %v; want %v, %v", c.value, n, ok, c.number, c.isNumber)
		}
	}
	none := Span{}
	if _, ok := none.Seconds("k"); ok || none.Text("k") != "" || none.Flag("k") {
		t.Error("a missing attribute has a value")
	}
	wrong := Span{Attributes: []attribute.KeyValue{attribute.Int("k", 1)}}
	if wrong.Text("k") != "" || wrong.Flag("k") {
		t.Error("a number counts as a text or a flag")
	}
}
