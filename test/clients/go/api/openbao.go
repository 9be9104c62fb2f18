//go:build openbao

// Package api is one of two Vault clients under one name; this one is OpenBao's. Without the tag openbao, it is
// HashiCorp's, so that one program drives both.
package api

import bao "github.com/openbao/openbao/api/v2"

// Name is what the rows of this build are filed under.
const Name = "openbao-go"

type (
	AuthMount          = bao.AuthMount
	Client             = bao.Client
	EnableAuditOptions = bao.EnableAuditOptions
	EnableAuthOptions  = bao.EnableAuthOptions
	InitRequest        = bao.InitRequest
	KVMetadataPutInput = bao.KVMetadataPutInput
	MountConfigInput   = bao.MountConfigInput
	MountInput         = bao.MountInput
	ResponseError      = bao.ResponseError
	Secret             = bao.Secret
	SealStatusResponse = bao.SealStatusResponse
	TLSConfig          = bao.TLSConfig
	TokenCreateRequest = bao.TokenCreateRequest
)

var (
	DefaultConfig     = bao.DefaultConfig
	ErrSecretNotFound = bao.ErrSecretNotFound
	NewClient         = bao.NewClient
	WithCheckAndSet   = bao.WithCheckAndSet
)
