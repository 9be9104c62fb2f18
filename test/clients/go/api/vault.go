//go:build !openbao

// Package api is one of two Vault clients under one name; this one is HashiCorp's. Built with the tag openbao, it is
// OpenBao's, so that one program drives both.
package api

import vault "github.com/hashicorp/vault/api"

// Name is what the rows of this build are filed under.
const Name = "vault-go"

type (
	AuthMount          = vault.AuthMount
	Client             = vault.Client
	EnableAuditOptions = vault.EnableAuditOptions
	EnableAuthOptions  = vault.EnableAuthOptions
	InitRequest        = vault.InitRequest
	KVMetadataPutInput = vault.KVMetadataPutInput
	MountConfigInput   = vault.MountConfigInput
	MountInput         = vault.MountInput
	ResponseError      = vault.ResponseError
	Secret             = vault.Secret
	SealStatusResponse = vault.SealStatusResponse
	TLSConfig          = vault.TLSConfig
	TokenCreateRequest = vault.TokenCreateRequest
)

var (
	DefaultConfig     = vault.DefaultConfig
	ErrSecretNotFound = vault.ErrSecretNotFound
	NewClient         = vault.NewClient
	WithCheckAndSet   = vault.WithCheckAndSet
)
