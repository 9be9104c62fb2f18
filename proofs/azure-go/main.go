// The official Go clients with nil options, as Vault's own seal uses them: nothing but the environment tells them where
// Azure is. Prints one line for each thing that held.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

func main() {
	ctx := context.Background()
	vault := os.Args[1]
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	check(err)

	secrets, err := azsecrets.NewClient(vault, credential, nil)
	check(err)
	_, err = secrets.SetSecret(ctx, "from-go", azsecrets.SetSecretParameters{Value: to.Ptr("a value")}, nil)
	check(err)
	secret, err := secrets.GetSecret(ctx, "from-go", "", nil)
	check(err)
	expect(*secret.Value == "a value", "the secret to come back")
	fmt.Println("azsecrets: set, get")

	keys, err := azkeys.NewClient(vault, credential, nil)
	check(err)
	created, err := keys.CreateKey(ctx, "from-go", azkeys.CreateKeyParameters{Kty: to.Ptr(azkeys.KeyTypeRSA)}, nil)
	check(err)
	plain := bytes.Repeat([]byte{7}, 32)
	algorithm := to.Ptr(azkeys.EncryptionAlgorithmRSAOAEP256)
	wrapped, err := keys.WrapKey(ctx, "from-go", "", azkeys.KeyOperationParameters{Algorithm: algorithm, Value: plain}, nil)
	check(err)
	_, err = keys.RotateKey(ctx, "from-go", nil)
	check(err)
	opened, err := keys.UnwrapKey(ctx, "from-go", wrapped.KID.Version(), azkeys.KeyOperationParameters{Algorithm: algorithm, Value: wrapped.Result}, nil)
	check(err)
	expect(bytes.Equal(opened.Result, plain), "the key to be unwrapped")
	expect(created.Key.KID.Version() == wrapped.KID.Version(), "the version that wrapped to be named")
	fmt.Println("azkeys: create, wrap, rotate, unwrap by the version that wrapped")
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func expect(holds bool, what string) {
	if !holds {
		fmt.Fprintln(os.Stderr, "expected "+what)
		os.Exit(1)
	}
}
