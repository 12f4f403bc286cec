-- The tables of an existing LiveDash database with the batch columns: quoted names, ids as text, times with their zone.
CREATE TYPE "CompanyStatus" AS ENUM ('ACTIVE', 'SUSPENDED', 'TRIAL', 'ARCHIVED');
CREATE TYPE "SentimentCategory" AS ENUM ('POSITIVE', 'NEUTRAL', 'NEGATIVE');
CREATE TYPE "SessionCategory" AS ENUM (
    'SCHEDULE_HOURS', 'LEAVE_VACATION', 'SICK_LEAVE_RECOVERY', 'SALARY_COMPENSATION', 'CONTRACT_HOURS', 'ONBOARDING',
    'OFFBOARDING', 'WORKWEAR_STAFF_PASS', 'TEAM_CONTACTS', 'PERSONAL_QUESTIONS', 'ACCESS_LOGIN', 'SOCIAL_QUESTIONS',
    'UNRECOGNIZED_OTHER'
);
CREATE TYPE "ProcessingStage" AS ENUM (
    'CSV_IMPORT', 'TRANSCRIPT_FETCH', 'SESSION_CREATION', 'AI_ANALYSIS', 'QUESTION_EXTRACTION'
);
CREATE TYPE "ProcessingStatus" AS ENUM ('PENDING', 'IN_PROGRESS', 'COMPLETED', 'FAILED', 'SKIPPED');
CREATE TYPE "AIBatchRequestStatus" AS ENUM (
    'PENDING', 'UPLOADING', 'VALIDATING', 'IN_PROGRESS', 'FINALIZING', 'COMPLETED', 'PROCESSED', 'FAILED', 'CANCELLED'
);
CREATE TYPE "AIRequestStatus" AS ENUM (
    'PENDING_BATCHING', 'BATCHING_IN_PROGRESS', 'PROCESSING_COMPLETE', 'PROCESSING_FAILED'
);
CREATE TABLE "PlatformUser" (id text PRIMARY KEY, email varchar(255) NOT NULL UNIQUE, password varchar(255) NOT NULL);
CREATE TABLE "Company" (
    id text PRIMARY KEY,
    name varchar(255) NOT NULL,
    status "CompanyStatus" NOT NULL DEFAULT 'ACTIVE',
    "csvUrl" text NOT NULL,
    "csvUsername" text,
    "csvPassword" text,
    "dashboardOpts" jsonb,
    "maxUsers" integer NOT NULL DEFAULT 10,
    "createdAt" timestamptz(6) NOT NULL DEFAULT '2025-05-01 00:00:00+00',
    "updatedAt" timestamptz(6) NOT NULL DEFAULT '2025-05-01 00:00:00+00'
);
CREATE TABLE "User" (
    id text PRIMARY KEY,
    email varchar(255) NOT NULL UNIQUE,
    password varchar(255) NOT NULL,
    "companyId" text NOT NULL REFERENCES "Company" ON DELETE CASCADE
);
CREATE TABLE "SessionImport" (
    id text PRIMARY KEY,
    "companyId" text NOT NULL REFERENCES "Company" ON DELETE CASCADE,
    "externalSessionId" text NOT NULL,
    "startTimeRaw" varchar(255) NOT NULL,
    "endTimeRaw" varchar(255) NOT NULL,
    "ipAddress" varchar(45),
    "countryCode" varchar(3),
    language varchar(10),
    "messagesSent" integer,
    "sentimentRaw" varchar(50),
    "escalatedRaw" varchar(50),
    "forwardedHrRaw" varchar(50),
    "fullTranscriptUrl" text,
    "avgResponseTimeSeconds" real,
    tokens integer,
    "tokensEur" real,
    category varchar(255),
    "initialMessage" text,
    "rawTranscriptContent" text,
    "createdAt" timestamptz(6) NOT NULL DEFAULT '2025-05-01 06:00:00+00',
    UNIQUE ("companyId", "externalSessionId")
);
CREATE TABLE "Session" (
    id text PRIMARY KEY,
    "companyId" text NOT NULL REFERENCES "Company" ON DELETE CASCADE,
    "importId" text UNIQUE REFERENCES "SessionImport",
    "startTime" timestamptz(6) NOT NULL,
    "endTime" timestamptz(6) NOT NULL,
    "ipAddress" inet,
    country varchar(3),
    "fullTranscriptUrl" text,
    "avgResponseTime" real,
    "initialMsg" text,
    language varchar(10),
    "messagesSent" integer,
    sentiment "SentimentCategory",
    escalated boolean,
    "forwardedHr" boolean,
    category "SessionCategory",
    summary text,
    "createdAt" timestamptz(6) NOT NULL DEFAULT '2025-05-01 07:00:00+00',
    "updatedAt" timestamptz(6) NOT NULL DEFAULT '2025-05-01 07:00:00+00'
);
CREATE TABLE "Message" (
    id text PRIMARY KEY,
    "sessionId" text NOT NULL REFERENCES "Session" ON DELETE CASCADE,
    timestamp timestamptz(6),
    role varchar(50) NOT NULL,
    content text NOT NULL,
    "order" integer NOT NULL,
    "createdAt" timestamptz(6) NOT NULL DEFAULT '2025-05-01 07:00:00+00',
    UNIQUE ("sessionId", "order")
);
CREATE TABLE "SessionProcessingStatus" (
    id text PRIMARY KEY,
    "sessionId" text NOT NULL REFERENCES "Session" ON DELETE CASCADE,
    stage "ProcessingStage" NOT NULL,
    status "ProcessingStatus" NOT NULL DEFAULT 'PENDING',
    "startedAt" timestamptz(6),
    "completedAt" timestamptz(6),
    "errorMessage" text,
    "retryCount" integer NOT NULL DEFAULT 0,
    metadata jsonb,
    UNIQUE ("sessionId", stage)
);
CREATE TABLE "Question" (
    id text PRIMARY KEY,
    content text NOT NULL UNIQUE,
    "createdAt" timestamptz(6) NOT NULL DEFAULT '2025-05-01 07:00:00+00'
);
CREATE TABLE "SessionQuestion" (
    id text PRIMARY KEY,
    "sessionId" text NOT NULL REFERENCES "Session" ON DELETE CASCADE,
    "questionId" text NOT NULL REFERENCES "Question",
    "order" integer NOT NULL,
    "createdAt" timestamptz(6) NOT NULL DEFAULT '2025-05-01 07:00:00+00',
    UNIQUE ("sessionId", "questionId"),
    UNIQUE ("sessionId", "order")
);
CREATE TABLE "AIBatchRequest" (
    id text PRIMARY KEY,
    "companyId" text NOT NULL REFERENCES "Company",
    "openaiBatchId" text NOT NULL UNIQUE,
    "inputFileId" text NOT NULL,
    "outputFileId" text,
    "errorFileId" text,
    status "AIBatchRequestStatus" NOT NULL DEFAULT 'PENDING',
    "createdAt" timestamptz(6) NOT NULL DEFAULT '2025-05-01 07:00:00+00',
    "completedAt" timestamptz(6),
    "processedAt" timestamptz(6)
);
CREATE TABLE "AIProcessingRequest" (
    id text PRIMARY KEY,
    "sessionId" text NOT NULL REFERENCES "Session" ON DELETE CASCADE,
    "openaiRequestId" text,
    model varchar(100) NOT NULL,
    "serviceTier" text,
    "systemFingerprint" text,
    "promptTokens" integer NOT NULL,
    "completionTokens" integer NOT NULL,
    "totalTokens" integer NOT NULL,
    "cachedTokens" integer,
    "audioTokensPrompt" integer,
    "reasoningTokens" integer,
    "audioTokensCompletion" integer,
    "acceptedPredictionTokens" integer,
    "rejectedPredictionTokens" integer,
    "promptTokenCost" real NOT NULL,
    "completionTokenCost" real NOT NULL,
    "totalCostEur" real NOT NULL,
    "processingType" varchar(100) NOT NULL,
    success boolean NOT NULL,
    "errorMessage" text,
    "requestedAt" timestamptz(6) NOT NULL DEFAULT '2025-05-02 08:00:00+00',
    "completedAt" timestamptz(6),
    "processingStatus" "AIRequestStatus" NOT NULL DEFAULT 'PENDING_BATCHING',
    "batchId" text REFERENCES "AIBatchRequest"
);
CREATE TABLE "AIModel" (
    id text PRIMARY KEY,
    name varchar(100) NOT NULL UNIQUE,
    provider varchar(50) NOT NULL,
    "maxTokens" integer,
    "isActive" boolean NOT NULL DEFAULT true,
    "createdAt" timestamptz(6) NOT NULL DEFAULT '2025-05-01 00:00:00+00',
    "updatedAt" timestamptz(6) NOT NULL DEFAULT '2025-05-01 00:00:00+00'
);
CREATE TABLE "AIModelPricing" (
    id text PRIMARY KEY,
    "aiModelId" text NOT NULL REFERENCES "AIModel" ON DELETE CASCADE,
    "promptTokenCost" real NOT NULL,
    "completionTokenCost" real NOT NULL,
    "effectiveFrom" timestamptz(6) NOT NULL,
    "effectiveUntil" timestamptz(6),
    "createdAt" timestamptz(6) NOT NULL DEFAULT '2025-05-01 00:00:00+00'
);
CREATE TABLE "CompanyAIModel" (
    id text PRIMARY KEY,
    "companyId" text NOT NULL REFERENCES "Company" ON DELETE CASCADE,
    "aiModelId" text NOT NULL REFERENCES "AIModel" ON DELETE CASCADE,
    "isDefault" boolean NOT NULL DEFAULT false,
    UNIQUE ("companyId", "aiModelId")
);
CREATE TABLE "SecurityAuditLog" (id text PRIMARY KEY, action varchar(255) NOT NULL);
CREATE INDEX ON "Message" ("sessionId", "order");
CREATE INDEX ON "AIProcessingRequest" ("sessionId");
