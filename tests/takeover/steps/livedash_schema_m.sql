-- The tables of an older LiveDash database, without batches: quoted names, ids as uuid, times in UTC without a zone.
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
CREATE TABLE "Company" (
    id uuid PRIMARY KEY,
    name varchar(255) NOT NULL,
    "csvUrl" text NOT NULL,
    "csvUsername" text,
    "csvPassword" text,
    "dashboardOpts" jsonb,
    "createdAt" timestamp(3) NOT NULL DEFAULT '2025-05-01 00:00:00',
    "updatedAt" timestamp(3) NOT NULL DEFAULT '2025-05-01 00:00:00'
);
CREATE TABLE "User" (
    id uuid PRIMARY KEY,
    email varchar(255) NOT NULL UNIQUE,
    password varchar(255) NOT NULL,
    "companyId" uuid NOT NULL REFERENCES "Company" ON DELETE CASCADE
);
CREATE TABLE "SessionImport" (
    id uuid PRIMARY KEY,
    "companyId" uuid NOT NULL REFERENCES "Company" ON DELETE CASCADE,
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
    "avgResponseTimeSeconds" double precision,
    tokens integer,
    "tokensEur" double precision,
    category varchar(255),
    "initialMessage" text,
    "rawTranscriptContent" text,
    "createdAt" timestamp(3) NOT NULL DEFAULT '2025-05-01 06:00:00',
    UNIQUE ("companyId", "externalSessionId")
);
CREATE TABLE "Session" (
    id uuid PRIMARY KEY,
    "companyId" uuid NOT NULL REFERENCES "Company" ON DELETE CASCADE,
    "importId" uuid UNIQUE REFERENCES "SessionImport",
    "startTime" timestamp(3) NOT NULL,
    "endTime" timestamp(3) NOT NULL,
    "ipAddress" inet,
    country varchar(3),
    "fullTranscriptUrl" text,
    "avgResponseTime" double precision,
    "initialMsg" text,
    language varchar(10),
    "messagesSent" integer,
    sentiment "SentimentCategory",
    escalated boolean,
    "forwardedHr" boolean,
    category "SessionCategory",
    summary text,
    "createdAt" timestamp(3) NOT NULL DEFAULT '2025-05-01 07:00:00',
    "updatedAt" timestamp(3) NOT NULL DEFAULT '2025-05-01 07:00:00'
);
CREATE TABLE "Message" (
    id uuid PRIMARY KEY,
    "sessionId" uuid NOT NULL REFERENCES "Session" ON DELETE CASCADE,
    timestamp timestamp(3),
    role varchar(50) NOT NULL,
    content text NOT NULL,
    "order" integer NOT NULL,
    "createdAt" timestamp(3) NOT NULL DEFAULT '2025-05-01 07:00:00',
    UNIQUE ("sessionId", "order")
);
CREATE TABLE "SessionProcessingStatus" (
    id uuid PRIMARY KEY,
    "sessionId" uuid NOT NULL REFERENCES "Session" ON DELETE CASCADE,
    stage "ProcessingStage" NOT NULL,
    status "ProcessingStatus" NOT NULL DEFAULT 'PENDING',
    "startedAt" timestamp(3),
    "completedAt" timestamp(3),
    "errorMessage" text,
    "retryCount" integer NOT NULL DEFAULT 0,
    metadata jsonb,
    UNIQUE ("sessionId", stage)
);
CREATE TABLE "Question" (
    id uuid PRIMARY KEY,
    content text NOT NULL UNIQUE,
    "createdAt" timestamp(3) NOT NULL DEFAULT '2025-05-01 07:00:00'
);
CREATE TABLE "SessionQuestion" (
    id uuid PRIMARY KEY,
    "sessionId" uuid NOT NULL REFERENCES "Session" ON DELETE CASCADE,
    "questionId" uuid NOT NULL REFERENCES "Question",
    "order" integer NOT NULL,
    "createdAt" timestamp(3) NOT NULL DEFAULT '2025-05-01 07:00:00',
    UNIQUE ("sessionId", "questionId"),
    UNIQUE ("sessionId", "order")
);
CREATE TABLE "AIProcessingRequest" (
    id uuid PRIMARY KEY,
    "sessionId" uuid NOT NULL REFERENCES "Session" ON DELETE CASCADE,
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
    "promptTokenCost" double precision NOT NULL,
    "completionTokenCost" double precision NOT NULL,
    "totalCostEur" double precision NOT NULL,
    "processingType" varchar(100) NOT NULL,
    success boolean NOT NULL,
    "errorMessage" text,
    "requestedAt" timestamp(3) NOT NULL DEFAULT '2025-05-02 08:00:00',
    "completedAt" timestamp(3)
);
CREATE TABLE "AIModel" (
    id uuid PRIMARY KEY,
    name varchar(100) NOT NULL UNIQUE,
    provider varchar(50) NOT NULL,
    "maxTokens" integer,
    "isActive" boolean NOT NULL DEFAULT true,
    "createdAt" timestamp(3) NOT NULL DEFAULT '2025-05-01 00:00:00',
    "updatedAt" timestamp(3) NOT NULL DEFAULT '2025-05-01 00:00:00'
);
CREATE TABLE "AIModelPricing" (
    id uuid PRIMARY KEY,
    "aiModelId" uuid NOT NULL REFERENCES "AIModel" ON DELETE CASCADE,
    "promptTokenCost" double precision NOT NULL,
    "completionTokenCost" double precision NOT NULL,
    "effectiveFrom" timestamp(3) NOT NULL,
    "effectiveUntil" timestamp(3),
    "createdAt" timestamp(3) NOT NULL DEFAULT '2025-05-01 00:00:00'
);
CREATE TABLE "CompanyAIModel" (
    id uuid PRIMARY KEY,
    "companyId" uuid NOT NULL REFERENCES "Company" ON DELETE CASCADE,
    "aiModelId" uuid NOT NULL REFERENCES "AIModel" ON DELETE CASCADE,
    "isDefault" boolean NOT NULL DEFAULT false,
    UNIQUE ("companyId", "aiModelId")
);
CREATE INDEX ON "Message" ("sessionId", "order");
CREATE INDEX ON "AIProcessingRequest" ("sessionId");
