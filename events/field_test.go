package events

import "testing"

func TestFieldAny(t *testing.T) {
	for _, test := range []struct {
		field Field
		want  any
	}{
		{String("k", "v"), "v"},
		{Int("k", -1), int64(-1)},
		{Float("k", 0.5), 0.5},
		{Bool("k", true), true},
		{Bool("k", false), false},
		{Field{}, ""},
	} {
		if got := test.field.Any(); got != test.want {
			t.Errorf("%+v is %v, want %v", test.field, got, test.want)
		}
	}
}
