"""German phrases: topics by category, then what fits into any chat.

Add exchanges to a topic as (employee, chatbot). Nothing but text here; the meaning of each field is in `model`.
"""

from livedash_pipeline.local.sample_data.phrases.model import Exchange, Phrases

_WORK: dict[str, tuple[Exchange, ...]] = {
    "SCHEDULE_HOURS": (
        (
            "Wann fängt meine Schicht am {weekday} an?",
            "Deine Schicht am {weekday} beginnt um {time} Uhr. Alle Schichten stehen in der App unter Mein Dienstplan.",
        ),
        (
            "Kann ich meine Schicht am {weekday} mit {name} tauschen?",
            "Ja, wenn {name} zustimmt. Wähle bei der Schicht Tauschen, dann bestätigt die Planung den Wechsel.",
        ),
        (
            "Ab wann steht der Dienstplan für {month} online?",
            "Er erscheint {number} Wochen vorher, immer am Donnerstag.",
        ),
        (
            "Ich bin am {weekday} doppelt eingeteilt, ist das ein Fehler?",
            "Das sieht so aus. Bitte melde es über Schicht stimmt nicht, dann ändert die Planung es.",
        ),
    ),
    "LEAVE_VACATION": (
        (
            "Wie viele Urlaubstage habe ich dieses Jahr noch?",
            "Du hast noch {number} Tage. Resturlaub vom Vorjahr verfällt Ende {month}.",
        ),
        (
            "Wie beantrage ich im {month} eine Woche Urlaub?",
            "In drei Schritten.\n1. Im Portal Urlaub öffnen.\n2. Den Zeitraum wählen.\n3. Den Antrag absenden.",
        ),
        (
            "Bekomme ich Sonderurlaub für die Hochzeit meiner Schwester?",
            "Ja, für die Hochzeit von Geschwistern gibt es einen bezahlten Tag.",
        ),
        (
            "Mein Urlaubsantrag für {weekday} ist noch offen, wer genehmigt ihn?",
            "Das macht {name}. Anträge werden innerhalb von {number} Werktagen beantwortet.",
        ),
    ),
    "SICK_LEAVE_RECOVERY": (
        (
            "Ich bin heute krank aufgewacht. Wie melde ich mich krank?",
            "Gute Besserung! Bitte ruf vor {time} Uhr deine Führungskraft an und trage es in der App unter Abwesenheit ein.",
        ),
        (
            "Bekomme ich im Krankenstand mein volles Gehalt?",
            "Sechs Wochen lang ja, danach zahlt die Krankenkasse Krankengeld.",
        ),
        (
            "Ich bin wieder gesund und möchte am {weekday} anfangen, was muss ich tun?",
            "Schön zu hören! Melde dich vorher in der App gesund, dann plant dich die Einsatzplanung wieder ein.",
        ),
        (
            "Brauche ich nach {number} Tagen Grippe ein Attest?",
            "Ab dem vierten Tag brauchen wir die Bescheinigung; sie kommt meist elektronisch von der Praxis.",
        ),
    ),
    "SALARY_COMPENSATION": (
        (
            "Wann kommt das Gehalt für {month}?",
            "Am 25. des Monats. Fällt der Tag auf ein Wochenende, überweisen wir am Freitag davor.",
        ),
        (
            "Meine Abrechnung ist {amount} Euro niedriger als im letzten Monat, warum?",
            "Du hattest weniger Abendstunden, deshalb ist der Zuschlag kleiner. Es steht auf Seite zwei.",
        ),
        (
            'Was bedeutet "VWL" auf meiner Gehaltsabrechnung?',
            "Das sind vermögenswirksame Leistungen, ein Zuschuss zum Sparen.",
        ),
        (
            "Gibt es Fahrtkosten, wenn ich mit dem Fahrrad komme?",
            "Ja, denselben Betrag pro Kilometer. Trage die Strecke im Portal unter Fahrten ein.",
        ),
    ),
    "CONTRACT_HOURS": (
        (
            "Kann ich meinen Vertrag von 32 auf 24 Stunden ändern?",
            "Du kannst es mit dem Formular Stundenänderung beantragen, mindestens zwei Monate vorher.",
        ),
        (
            "Wann läuft mein befristeter Vertrag aus?",
            "Er läuft bis Ende {month}. Einen Monat vorher erfährst du, ob er verlängert wird.",
        ),
        (
            "Wie oft darf ein Vertrag befristet werden?",
            "Höchstens dreimal und insgesamt nicht länger als zwei Jahre.",
        ),
    ),
    "ONBOARDING": (
        (
            "Ich fange am {weekday} an. Wohin muss ich am ersten Tag?",
            "Willkommen! Bitte komm um {time} Uhr zum Empfang. {name} zeigt dir alles.",
        ),
        (
            "Welche Unterlagen braucht ihr, bevor ich anfangen kann?",
            "Wir brauchen drei Dinge.\n- eine Kopie deines Ausweises\n- deine Bankverbindung\n- den unterschriebenen Vertrag",
        ),
        (
            "Gibt es eine Schulung für neue Kollegen?",
            "Ja, die Einarbeitung dauert {number} Tage und ist bezahlte Arbeitszeit.",
        ),
    ),
    "OFFBOARDING": (
        (
            "Ich möchte kündigen, welche Frist gilt für mich?",
            "Deine Kündigungsfrist beträgt vier Wochen zum Monatsende.",
        ),
        (
            "Was passiert mit meinem Resturlaub, wenn ich gehe?",
            "Er wird mit dem letzten Gehalt ausgezahlt, wenn du ihn nicht mehr nehmen kannst.",
        ),
        (
            "Wo gebe ich an meinem letzten Tag den Laptop ab?",
            "Beim Servicedesk im Erdgeschoss. {name} unterschreibt mit dir das Protokoll.",
        ),
    ),
    "WORKWEAR_STAFF_PASS": (
        (
            "Meine Arbeitshose ist gerissen, wie bekomme ich eine neue?",
            "Bestelle sie im Portal unter Arbeitskleidung. Sie ist kostenlos und in {number} Tagen da.",
        ),
        (
            "Ich habe meinen Mitarbeiterausweis verloren, was nun?",
            "Bitte sperre ihn sofort in der App. Am nächsten Werktag liegt ein neuer am Empfang.",
        ),
        (
            "Welche Sicherheitsschuhe sind im Lager erlaubt?",
            "Nur Schuhe der Klasse S3. Die Liste findest du im Portal unter Arbeitskleidung.",
        ),
    ),
}

_PEOPLE: dict[str, tuple[Exchange, ...]] = {
    "TEAM_CONTACTS": (
        (
            "Wer leitet die Nachtschicht?",
            "Das ist {name}. Die Telefonnummer steht in der App unter Mein Team.",
        ),
        (
            "Wie erreiche ich {name} aus der Planung?",
            "Telefonisch zwischen 08:00 und {time} Uhr oder mit einer Nachricht in der App.",
        ),
        (
            "Wer vertritt meine Chefin, wenn sie im {month} weg ist?",
            "{name} übernimmt, bis sie wieder da ist.",
        ),
    ),
    "PERSONAL_QUESTIONS": (
        (
            "Ich bin umgezogen, wo ändere ich meine Adresse?",
            "Im Portal unter Meine Daten. Die Lohnbuchhaltung bekommt die Änderung auch.",
        ),
        (
            "Ich habe ein neues Konto. Könnt ihr das Gehalt dorthin überweisen?",
            "Trage es bis zum 15. unter Meine Daten ein, dann gilt es für die nächste Zahlung.",
        ),
        (
            "Ich habe im {month} geheiratet, muss ich das melden?",
            "Herzlichen Glückwunsch! Bitte ändere den Familienstand, er ist für die Steuerklasse wichtig.",
        ),
    ),
    "ACCESS_LOGIN": (
        (
            "Ich habe mein Passwort vergessen und die Mail zum Zurücksetzen kommt nicht.",
            "Die Mail geht an deine private Adresse. Sieh auch im Spam nach; sie gilt {number} Stunden.",
        ),
        (
            "Die App sagt, mein Konto ist gesperrt. Wie komme ich wieder rein?",
            "Nach fünf falschen Versuchen ist es eine halbe Stunde gesperrt. Ab {time} Uhr geht es wieder.",
        ),
        (
            "Wie richte ich die Code-App auf einem neuen Handy ein?",
            "Melde dich am Computer an, öffne Sicherheit und scanne den Code mit dem neuen Handy.",
        ),
    ),
    "SOCIAL_QUESTIONS": (
        (
            "Wie geht es dir? Bist du ein echter Mensch?",
            "Mir geht es gut, danke! Ich bin ein digitaler Assistent, kein Mensch.",
        ),
        ("Kennst du einen guten Witz?", "Warum ging der Dienstplan zum Arzt? Er hatte zu viele Pausen."),
        (
            "Gibt es dieses Jahr ein Sommerfest für die Belegschaft?",
            "Ja, an einem Freitag im {month}. Der Betriebsrat verschickt die Einladungen.",
        ),
    ),
    "UNRECOGNIZED_OTHER": (
        ("nur ein Test", "Hallo! Wie kann ich dir helfen?"),
        (
            "Wie wird das Wetter am {weekday}?",
            "Das Wetter kann ich nicht nachsehen. Bei Fragen zur Arbeit helfe ich gern.",
        ),
        ("xcvb 4711 ???", "Das habe ich nicht verstanden. Kannst du es anders sagen?"),
    ),
}

GERMAN = Phrases(
    code="de",
    csv_names=("German", "german", "Deutsch", "deutsch"),
    countries=("DE", "DE", "DE", "AT"),
    people=("Jonas", "Katrin", "Mehmet", "Sabine", "Lukas", "Ayla"),
    weekdays=("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    months=("Januar", "März", "April", "Mai", "Juni", "August", "Oktober", "Dezember"),
    greetings=("", "Hi! ", "Hallo! ", "Guten Morgen! ", "Moin. ", "Kurze Frage. "),
    topics=_WORK | _PEOPLE,
    follow_ups=(
        ("Und wo finde ich das?", "In der App, im Menü oben links."),
        ("Gilt das auch für Teilzeitkräfte?", "Ja, das ist für alle gleich."),
        ("Geht das auch mit dem Handy?", "Ja, die App kann alles, was das Portal kann."),
        ("ok, und wie lange dauert das?", "Meist nicht länger als {number} Werktage."),
        (
            "Das verstehe ich nicht ganz, kannst du es noch einmal erklären?",
            "Natürlich. Öffne die App, wähle deinen Namen und folge den Schritten.",
        ),
    ),
    details=(
        "Noch ein paar Angaben\n- Standort, Verteilzentrum Nord\n- Team von {name}\n- seit {month}",
        "Das habe ich schon versucht\n1. die App\n2. die Webseite\n\nBeides ging nicht.",
    ),
    positive_notes=("Danke schon mal, ihr helft immer so nett!", "Toller Bot übrigens :)"),
    negative_notes=("Das ist wirklich ärgerlich.", "Ich habe es satt, das immer wieder zu fragen!"),
    positive_closings=(
        ("Super, vielen Dank!", "Gern geschehen! Einen schönen Tag noch."),
        ("Perfekt, genau das wollte ich wissen 😊", "Schön, dass ich helfen konnte!"),
    ),
    negative_closings=(
        ("Das hilft mir überhaupt nicht.", "Das tut mir leid. Ich gebe deinen Hinweis weiter."),
        ("Was für eine nutzlose Antwort, ich warte seit Wochen!", "Ich verstehe den Ärger, es tut mir leid."),
    ),
    escalations=(
        (
            "Ich möchte mit einem Vorgesetzten sprechen.",
            "Das verstehe ich. Ich bitte deinen Vorgesetzten, dich heute zurückzurufen.",
        ),
        (
            "Kann ich darüber bitte mit der Leitung reden?",
            "Sicher, ich habe deine Frage an die Schichtleitung weitergegeben.",
        ),
    ),
    hr_forwards=(
        (
            "Wen in der Personalabteilung kann ich dazu fragen?",
            "Du erreichst sie unter hr@personal.example oder Durchwahl 4400.",
        ),
        (
            "Bitte verbinde mich mit der Personalabteilung.",
            "Ich habe deine Frage an HR weitergeleitet. Antwort kommt in {number} Werktagen.",
        ),
    ),
)
