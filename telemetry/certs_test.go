package telemetry

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certs are a certificate authority with a server's and a client's certificate, as files and ready to use.
type certs struct {
	authority, client, key string // paths
	server                 tls.Certificate
	pool                   *x509.CertPool
}

func newCerts(t *testing.T) certs {
	t.Helper()
	dir := t.TempDir()
	ca, caKey, caDER := issue(t, nil, nil, true)
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	_, serverKey, serverDER := issue(t, ca, caKey, false)
	_, clientKey, clientDER := issue(t, ca, caKey, false)
	keyDER, err := x509.MarshalPKCS8PrivateKey(clientKey)
	if err != nil {
		t.Fatal(err)
	}
	c := certs{
		authority: filepath.Join(dir, "ca.pem"),
		client:    filepath.Join(dir, "client.pem"),
		key:       filepath.Join(dir, "client.key"),
		server:    tls.Certificate{Certificate: [][]byte{serverDER}, PrivateKey: serverKey},
		pool:      pool,
	}
	writePEM(t, c.authority, "CERTIFICATE", caDER)
	writePEM(t, c.client, "CERTIFICATE", clientDER)
	writePEM(t, c.key, "PRIVATE KEY", keyDER)
	return c
}

// mutual is the configuration of a server that wants to see the client's certificate.
func (c certs) mutual() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c.server},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: c.pool,
	}
}

func issue(t *testing.T, parent *x509.Certificate, parentKey crypto.Signer, authority bool) (
	*x509.Certificate, crypto.Signer, []byte,
) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "test"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  authority,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key, der
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
