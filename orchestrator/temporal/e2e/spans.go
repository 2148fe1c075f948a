package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A span is what is looked at of a span in a trace file.
type span struct {
	Trace      string `json:"traceId"`
	ID         string `json:"spanId"`
	Parent     string `json:"parentSpanId"`
	Name       string `json:"name"`
	Attributes []struct {
		Key   string `json:"key"`
		Value struct {
			Text string `json:"stringValue"`
		} `json:"value"`
	} `json:"attributes"`
}

func (s *span) attribute(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.Text
		}
	}
	return ""
}

func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

// tree reads the spans of a run from the files of all workers: each span, in depth-first order, as its name and what
// became of it. It is an error when a span is there twice, or its parent is not.
func (s *stage) tree(run string) (string, error) {
	files, err := filepath.Glob(filepath.Join(s.dir, "*.traces"))
	if err != nil {
		return "", err
	}
	known, children := map[string]bool{}, map[string][]span{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		for _, line := range lines(string(data)) {
			for _, found := range spansOf(line) {
				if found.attribute("session.id") != run {
					continue
				}
				if known[found.ID] {
					return "", fmt.Errorf("run %s: span %q is there twice", run, found.Name)
				}
				known[found.ID] = true
				children[found.Parent] = append(children[found.Parent], found)
			}
		}
	}
	for parent, list := range children {
		if parent != "" && !known[parent] {
			return "", fmt.Errorf("run %s: span %q is an orphan", run, list[0].Name)
		}
	}
	var below func(parent string) string
	below = func(parent string) string {
		var texts []string
		for _, c := range children[parent] {
			end := c.attribute("run.status") + c.attribute("phase.status") + c.attribute("retry.result")
			if kind := c.attribute("error.type"); kind == "lost" {
				end += " (lost)"
			}
			text := c.Name + ": " + end
			if inner := below(c.ID); inner != "" {
				text += " [" + inner + "]"
			}
			texts = append(texts, text)
		}
		slices.Sort(texts)
		return strings.Join(texts, ", ")
	}
	return below(""), nil
}

// spansOf are the spans of a line of a trace file. A line that a SIGKILL cut off has none.
func spansOf(line string) (list []span) {
	var data struct {
		Resources []struct {
			Scopes []struct {
				Spans []span `json:"spans"`
			} `json:"scopeSpans"`
		} `json:"resourceSpans"`
	}
	if json.Unmarshal([]byte(line), &data) != nil {
		return nil
	}
	for _, resource := range data.Resources {
		for _, scope := range resource.Scopes {
			list = append(list, scope.Spans...)
		}
	}
	return list
}
