/**
 * Worker apps: programs that run on every peer of a cluster, and how they get there.
 *
 * @packageDocumentation
 */
export { type Deployment, deployApp, type DeployOptions, tryApp } from './deploy.js'
export { AppHost } from './host.js'
export type { AppHostEvents, AppHostOptions, AppInfo, CodeRefusal, StartOptions } from './host.js'
export type { Manifest, SignedManifest } from './manifest.js'
export { packApp, type PackedApp } from './pack.js'
export { type AppConfig, type AppSpec, findApp } from './spec.js'
export type { Standing, Want } from './wants.js'
