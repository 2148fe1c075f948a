package main

import (
	"fmt"
	"os"
	"path/filepath"

	common "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

// kept is the size in bytes from which payloads are kept in files.
const kept = 100_000

// files keeps large payloads in a folder: the least that a converter.StorageDriver can be.
type files struct{ dir string }

var _ converter.StorageDriver = files{}

func (files) Name() string { return "files" }
func (files) Type() string { return "files" }

func (f files) Store(
	_ converter.StorageDriverStoreContext, payloads []*common.Payload,
) ([]converter.StorageDriverClaim, error) {
	claims := make([]converter.StorageDriverClaim, len(payloads))
	for i, payload := range payloads {
		data, err := proto.Marshal(payload)
		if err != nil {
			return nil, err
		}
		file, err := os.CreateTemp(f.dir, "payload")
		if err != nil {
			return nil, err
		}
		if _, err := file.Write(data); err != nil {
			return nil, err
		}
		if err := file.Close(); err != nil {
			return nil, err
		}
		claims[i].ClaimData = map[string]string{"file": filepath.Base(file.Name())}
	}
	return claims, nil
}

func (f files) Retrieve(
	_ converter.StorageDriverRetrieveContext, claims []converter.StorageDriverClaim,
) ([]*common.Payload, error) {
	payloads := make([]*common.Payload, len(claims))
	for i, claim := range claims {
		data, err := os.ReadFile(filepath.Join(f.dir, filepath.Base(claim.ClaimData["file"])))
		if err != nil {
			return nil, fmt.Errorf("a payload that was kept: %w", err)
		}
		payloads[i] = &common.Payload{}
		if err := proto.Unmarshal(data, payloads[i]); err != nil {
			return nil, err
		}
	}
	return payloads, nil
}
