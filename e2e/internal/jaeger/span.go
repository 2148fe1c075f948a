package jaeger

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Span is one span of a trace as Jaeger gives it back in OTLP's JSON, with the spans below it.
type Span struct {
	TraceID    string     `json:"traceId"` // in hex, as are the other ids
	ID         string     `json:"spanId"`
	Parent     string     `json:"parentSpanId"` // empty at the root
	Name       string     `json:"name"`
	Kind       int        `json:"kind"` // OTLP's number: 1 internal, 2 server, 3 client
	Start      Time       `json:"startTimeUnixNano"`
	End        Time       `json:"endTimeUnixNano"`
	Attributes Attributes `json:"attributes"`
	Events     []Event    `json:"events"` // in the order of their time
	Status     struct {
		Code        int    `json:"code"`
		Description string `json:"message"`
	} `json:"status"`

	Service  string  `json:"-"`
	Scope    string  `json:"-"`
	Children []*Span `json:"-"` // in the order of their start
}

// Failed reports whether the status is OTLP's Error.
func (s *Span) Failed() bool { return s.Status.Code == 2 }

// An Event is a point in the life of a span.
type Event struct {
	Time       Time       `json:"timeUnixNano"`
	Name       string     `json:"name"`
	Attributes Attributes `json:"attributes"`
}

// A Time is a time that OTLP's JSON has as a text with the nanoseconds since 1970.
type Time struct{ time.Time }

// UnmarshalJSON reads the text.
func (t *Time) UnmarshalJSON(data []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(data), `"`), 10, 64)
	t.Time = time.Unix(0, n)
	return err
}

// Attributes are values of their Go types: string, bool, int64 or float64. Other types (lists, maps) are left out:
// Backspan writes none.
type Attributes map[string]any

// UnmarshalJSON reads OTLP's list of keys with values.
func (a *Attributes) UnmarshalJSON(data []byte) error {
	var list []struct {
		Key   string
		Value struct {
			String *string  `json:"stringValue"`
			Bool   *bool    `json:"boolValue"`
			Int    *int64   `json:"intValue,string"`
			Double *float64 `json:"doubleValue"`
		}
	}
	err := json.Unmarshal(data, &list)
	*a = make(Attributes, len(list))
	for _, attribute := range list {
		switch v := attribute.Value; {
		case v.String != nil:
			(*a)[attribute.Key] = *v.String
		case v.Bool != nil:
			(*a)[attribute.Key] = *v.Bool
		case v.Double != nil:
			(*a)[attribute.Key] = *v.Double
		case v.Int != nil:
			(*a)[attribute.Key] = *v.Int
		}
	}
	return err
}

// All returns the span and everything below it, parents first.
func (s *Span) All() []*Span {
	all := []*Span{s}
	for _, c := range s.Children {
		all = append(all, c.All()...)
	}
	return all
}

// Tree draws the span and everything below it, one name a line, for comparing and for failure messages.
func (s *Span) Tree() string {
	var b strings.Builder
	var draw func(*Span, int)
	draw = func(s *Span, depth int) {
		fmt.Fprintf(&b, "%s%s\n", strings.Repeat("  ", depth), s.Name)
		for _, c := range s.Children {
			draw(c, depth+1)
		}
	}
	draw(s, 0)
	return b.String()
}

// parse turns one trace in OTLP JSON into its tree. A trace with no root, or more than one, is an error, and so is a
// span whose parent is missing: each means that spans were lost.
func parse(data []byte) (*Span, error) {
	var traces struct {
		ResourceSpans []struct {
			Resource   struct{ Attributes Attributes }
			ScopeSpans []struct {
				Scope struct{ Name string }
				Spans []*Span
			}
		}
	}
	if err := json.Unmarshal(data, &traces); err != nil {
		return nil, fmt.Errorf("read OTLP JSON: %w", err)
	}
	byID := map[string]*Span{}
	for _, rs := range traces.ResourceSpans {
		service, _ := rs.Resource.Attributes["service.name"].(string)
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				if byID[s.ID] != nil {
					return nil, fmt.Errorf("span %s (%s) is there twice", s.ID, s.Name)
				}
				s.Service, s.Scope = service, ss.Scope.Name
				byID[s.ID] = s
			}
		}
	}
	return tree(byID)
}

func tree(byID map[string]*Span) (root *Span, err error) {
	for _, s := range byID {
		switch parent := byID[s.Parent]; {
		case parent != nil:
			parent.Children = append(parent.Children, s)
		case s.Parent != "":
			return nil, fmt.Errorf("the parent %s of span %q is missing", s.Parent, s.Name)
		case root != nil:
			return nil, fmt.Errorf("two roots: %q and %q", root.Name, s.Name)
		default:
			root = s
		}
	}
	if root == nil {
		return nil, errors.New("no root span")
	}
	for _, s := range byID {
		// Jaeger's memory store gives them back in any order.
		slices.SortFunc(s.Events, func(a, b Event) int { return a.Time.Compare(b.Time.Time) })
		slices.SortFunc(s.Children, func(a, b *Span) int {
			return cmp.Or(a.Start.Compare(b.Start.Time), cmp.Compare(a.Name, b.Name))
		})
	}
	return root, nil
}
