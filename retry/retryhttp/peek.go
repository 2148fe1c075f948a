package retryhttp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Peek returns the first bytes of a response's body, at most limit, and puts them back: who reads the body later reads
// them again. It is for a Transport.Retryable that must know what an error says: whether a 429 is about the rate of
// requests, and worth a wait, or about a quota that is used up. It waits for limit bytes or the end of the body. Bytes
// may come with an error, when the body breaks.
func Peek(resp *http.Response, limit int64) ([]byte, error) {
	switch {
	case resp == nil || resp.Body == nil:
		return nil, errors.New("retryhttp: Peek: there is no response, want one with a body")
	case limit < 0:
		return nil, fmt.Errorf("retryhttp: Peek: limit is %d, want 0 or more", limit)
	case resp.StatusCode == http.StatusSwitchingProtocols:
		return nil, errors.New("retryhttp: Peek: the response is a 101, whose body is a connection")
	}
	beginning, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	resp.Body = &peekedBody{io.MultiReader(bytes.NewReader(beginning), resp.Body), resp.Body}
	if err != nil {
		return beginning, fmt.Errorf("retryhttp: Peek: %w", err)
	}
	return beginning, nil
}

type peekedBody struct {
	io.Reader
	io.Closer
}
