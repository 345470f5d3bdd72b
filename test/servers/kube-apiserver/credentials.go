package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Static tokens; a line is `token,user,uid,"group,group"`. The collector has what RBAC grants to its user.
const tokens = "admin-token,admin,1,\"system:masters\"\ncollector-token,collector,2,\"collectors\"\n"

// writeCredentials makes an authority, certificates, keys and tokens, unless an earlier run has, and the kubeconfigs
// admin (client certificate), admin-token and collector (tokens).
func writeCredentials(dir string, port int) error {
	file := func(name string) string { return filepath.Join(dir, name) }
	if _, err := os.Stat(file("tokens.csv")); os.IsNotExist(err) {
		authority, err := issue(nil, pkix.Name{CommonName: "kube-apiserver-test-ca"}, file("ca"))
		if err != nil {
			return err
		}
		for name, subject := range map[string]pkix.Name{
			"server":           {CommonName: "kube-apiserver"},
			"admin":            {CommonName: "admin", Organization: []string{"system:masters"}},
			"service-accounts": {CommonName: "service-accounts"},
		} {
			if _, err := issue(authority, subject, file(name)); err != nil {
				return err
			}
		}
		// Last: it says that all of them are there.
		if err := os.WriteFile(file("tokens.csv"), []byte(tokens), 0o600); err != nil {
			return err
		}
	}
	for name, user := range map[string]string{
		"admin":       "{client-certificate: admin.crt, client-key: admin.key}",
		"admin-token": "{token: admin-token}",
		"collector":   "{token: collector-token}",
	} {
		text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: test\n"+
			"clusters: [{name: test, cluster: {server: 'https://127.0.0.1:%d', certificate-authority: ca.crt}}]\n"+
			"users: [{name: user, user: %s}]\n"+
			"contexts: [{name: test, context: {cluster: test, user: user}}]\n", port, user)
		if err := os.WriteFile(file(name+".kubeconfig"), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// issuer is a certificate that may sign others.
type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// issue writes PATH.crt and PATH.key. Without a parent the certificate is an authority that signs itself.
func issue(parent *issuer, subject pkix.Name, path string) (*issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(365 * 24 * time.Hour),
	}
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid = true, true
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		parent = &issuer{template, key}
	} else {
		template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		template.DNSNames = []string{"localhost", "kubernetes.default.svc"}
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.certificate, &key.PublicKey, parent.key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	if err := os.WriteFile(path+".key", keyPEM, 0o600); err != nil {
		return nil, err
	}
	certificatePEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(path+".crt", certificatePEM, 0o644); err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &issuer{certificate, key}, nil
}
