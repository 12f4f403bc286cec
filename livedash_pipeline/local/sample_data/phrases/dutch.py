"""Dutch phrases: topics by category, then what fits into any chat.

Add exchanges to a topic as (employee, chatbot). Nothing but text here; the meaning of each field is in `model`.
"""

from livedash_pipeline.local.sample_data.phrases.model import Exchange, Phrases

_WORK: dict[str, tuple[Exchange, ...]] = {
    "SCHEDULE_HOURS": (
        (
            "Hoe laat begint mijn dienst op {weekday}?",
            "Je dienst op {weekday} begint om {time} uur. Al je diensten staan in de app onder Mijn rooster.",
        ),
        (
            "Kan ik mijn dienst van {weekday} ruilen met {name}?",
            "Dat kan als {name} akkoord gaat. Kies bij de dienst voor Ruilen, dan keurt de planner het goed.",
        ),
        (
            "Wanneer komt het rooster van {month} online?",
            "Het rooster staat altijd {number} weken van tevoren in de app, op donderdag.",
        ),
        (
            "Ik sta op {weekday} dubbel ingeroosterd, klopt dat wel?",
            "Dat lijkt een fout. Meld het met de knop Dienst klopt niet, dan past de planning het aan.",
        ),
    ),
    "LEAVE_VACATION": (
        (
            "Hoeveel vakantiedagen heb ik nog dit jaar?",
            "Je hebt nog {number} dagen. De dagen van vorig jaar vervallen eind {month}.",
        ),
        (
            "Hoe vraag ik in {month} een week vrij?",
            "In drie stappen.\n1. Open Verlof in het portaal.\n2. Kies de datums.\n3. Stuur de aanvraag naar je leidinggevende.",
        ),
        (
            "Krijg ik bijzonder verlof als mijn zus gaat trouwen?",
            "Ja, voor het huwelijk van een broer of zus krijg je een betaalde dag.",
        ),
        (
            "Mijn verlofaanvraag voor {weekday} staat nog open, wie keurt die goed?",
            "Dat doet {name}. Je krijgt binnen {number} werkdagen antwoord.",
        ),
    ),
    "SICK_LEAVE_RECOVERY": (
        (
            "Ik ben vanochtend ziek wakker geworden. Hoe meld ik me ziek?",
            "Wat vervelend. Bel voor {time} uur je leidinggevende en meld het in de app onder Verzuim.",
        ),
        (
            "Krijg ik mijn loon volledig doorbetaald als ik ziek ben?",
            "Het eerste jaar krijg je je volledige loon, daarna gelden de regels van de cao.",
        ),
        (
            "Ik ben weer beter en wil {weekday} beginnen, wat moet ik doen?",
            "Fijn om te horen! Meld je voor die tijd beter in de app, dan word je weer ingeroosterd.",
        ),
        (
            "Moet ik na {number} dagen griep naar de bedrijfsarts?",
            "Nee, pas als het langer duurt dan een week krijg je een uitnodiging.",
        ),
    ),
    "SALARY_COMPENSATION": (
        (
            "Wanneer wordt het salaris van {month} gestort?",
            "Op de 25e. Valt die in het weekend, dan krijg je het op vrijdag.",
        ),
        (
            "Mijn loonstrook is {amount} euro lager dan vorige maand, hoe kan dat?",
            "Je hebt minder avonduren gewerkt, dus je toeslag is lager. Het staat op bladzijde twee.",
        ),
        (
            'Wat betekent "ADV" op mijn loonstrook?',
            "Dat is arbeidsduurverkorting, uren die je als vrije tijd opbouwt.",
        ),
        (
            "Krijg ik reiskostenvergoeding als ik met de fiets kom?",
            "Ja, dezelfde vergoeding per kilometer. Vul je afstand in bij Reizen in het portaal.",
        ),
    ),
    "CONTRACT_HOURS": (
        (
            "Kan ik mijn contract van 32 naar 24 uur laten zetten?",
            "Dat kun je aanvragen met het formulier Urenwijziging, uiterlijk twee maanden van tevoren.",
        ),
        (
            "Wanneer loopt mijn tijdelijke contract af?",
            "Je contract loopt tot eind {month}. Een maand ervoor hoor je of het wordt verlengd.",
        ),
        (
            "Na hoeveel contracten krijg ik een vast contract?",
            "Na drie tijdelijke contracten of na drie jaar.",
        ),
    ),
    "ONBOARDING": (
        (
            "Ik begin {weekday}. Waar moet ik op mijn eerste dag zijn?",
            "Welkom! Meld je om {time} uur bij de receptie. {name} leidt je rond.",
        ),
        (
            "Welke papieren hebben jullie nodig voordat ik kan beginnen?",
            "We hebben drie dingen nodig.\n- een kopie van je paspoort\n- je rekeningnummer\n- het getekende contract",
        ),
        (
            "Is er een training voor nieuwe collega's?",
            "Ja, de introductie duurt {number} dagen en wordt gewoon betaald.",
        ),
    ),
    "OFFBOARDING": (
        (
            "Ik wil ontslag nemen, wat is mijn opzegtermijn?",
            "Je opzegtermijn is een maand, vanaf de eerste dag van de volgende maand.",
        ),
        (
            "Wat gebeurt er met mijn vakantiedagen als ik uit dienst ga?",
            "Die worden uitbetaald bij je laatste salaris, samen met je vakantiegeld.",
        ),
        (
            "Waar lever ik op mijn laatste dag mijn laptop in?",
            "Bij de servicedesk op de begane grond. {name} tekent het formulier met je.",
        ),
    ),
    "WORKWEAR_STAFF_PASS": (
        (
            "Mijn werkbroek is gescheurd, hoe krijg ik een nieuwe?",
            "Bestel er een onder Werkkleding in het portaal. Je hebt hem binnen {number} dagen, gratis.",
        ),
        (
            "Ik ben mijn personeelspas kwijt, wat nu?",
            "Blokkeer hem meteen in de app. De volgende werkdag ligt er een nieuwe bij de receptie.",
        ),
        (
            "Welke veiligheidsschoenen mag ik in het magazijn dragen?",
            "Alleen klasse S3. De lijst staat in het portaal onder Werkkleding.",
        ),
    ),
}

_PEOPLE: dict[str, tuple[Exchange, ...]] = {
    "TEAM_CONTACTS": (
        (
            "Wie is de teamleider van de nachtploeg?",
            "Dat is {name}. Het telefoonnummer staat in de app onder Mijn team.",
        ),
        (
            "Hoe kan ik {name} van de planning bereiken?",
            "Telefonisch tussen 08:00 en {time} uur, of met een bericht in de app.",
        ),
        (
            "Wie vervangt mijn leidinggevende als zij in {month} weg is?",
            "{name} neemt het over tot ze terug is.",
        ),
    ),
    "PERSONAL_QUESTIONS": (
        (
            "Ik ben verhuisd, waar geef ik mijn nieuwe adres door?",
            "In het portaal onder Mijn gegevens. De salarisadministratie krijgt het ook door.",
        ),
        (
            "Ik heb een nieuwe bankrekening. Kan mijn salaris daarheen?",
            "Vul hem voor de 15e in onder Mijn gegevens, dan geldt hij voor de volgende betaling.",
        ),
        (
            "Ik ben in {month} getrouwd, moet ik dat doorgeven?",
            "Gefeliciteerd! Pas je burgerlijke staat aan, dat kan belangrijk zijn voor je pensioen.",
        ),
    ),
    "ACCESS_LOGIN": (
        (
            "Ik ben mijn wachtwoord vergeten en de mail om het te herstellen komt niet aan.",
            "De mail gaat naar je privéadres. Kijk ook bij ongewenst; hij is {number} uur geldig.",
        ),
        (
            "De app zegt dat mijn account geblokkeerd is. Hoe kom ik er weer in?",
            "Na vijf foute pogingen is het een half uur dicht. Om {time} uur kun je weer inloggen.",
        ),
        (
            "Hoe zet ik de code-app op een nieuwe telefoon?",
            "Log in op een computer, open Beveiliging en scan de code met je nieuwe telefoon.",
        ),
    ),
    "SOCIAL_QUESTIONS": (
        (
            "Hoe gaat het met je? Ben je een echt mens?",
            "Met mij gaat het goed, dank je! Ik ben een digitale assistent, geen mens.",
        ),
        ("Weet je een goede mop?", "Waarom ging het rooster naar de dokter? Het had te veel pauzes."),
        (
            "Is er dit jaar een zomerfeest voor het personeel?",
            "Ja, op een vrijdag in {month}. De personeelsvereniging stuurt de uitnodiging.",
        ),
    ),
    "UNRECOGNIZED_OTHER": (
        ("testje", "Hallo! Waarmee kan ik je helpen?"),
        (
            "Wat voor weer wordt het {weekday}?",
            "Het weer kan ik niet opzoeken. Ik help je graag met vragen over je werk.",
        ),
        ("hjkl hjkl 99", "Dat begrijp ik niet. Kun je het anders zeggen?"),
    ),
}

DUTCH = Phrases(
    code="nl",
    csv_names=("Dutch", "dutch", "Nederlands", "nederlands"),
    countries=("NL", "NL", "NL", "BE"),
    people=("Sanne", "Daan", "Fatima", "Bram", "Lotte", "Joost"),
    weekdays=("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"),
    months=("januari", "maart", "april", "mei", "juni", "augustus", "oktober", "december"),
    greetings=("", "Hoi! ", "Hallo! ", "Goedemorgen! ", "Dag. ", "Even een vraagje. "),
    topics=_WORK | _PEOPLE,
    follow_ups=(
        ("En waar kan ik dat vinden?", "In de app, in het menu linksboven."),
        ("Geldt dat ook voor parttimers?", "Ja, dat is voor iedereen hetzelfde."),
        ("Kan dat ook op mijn telefoon?", "Ja, de app kan alles wat het portaal kan."),
        ("oké, en hoe lang duurt dat?", "Meestal niet langer dan {number} werkdagen."),
        (
            "Ik snap het niet helemaal, kun je het nog eens uitleggen?",
            "Natuurlijk. Open de app, kies je naam en volg de stappen op het scherm.",
        ),
    ),
    details=(
        "Nog wat gegevens\n- locatie, distributiecentrum noord\n- team van {name}\n- sinds {month}",
        "Wat ik al heb geprobeerd\n1. de app\n2. de website\n\nGeen van beide werkte.",
    ),
    positive_notes=("Alvast bedankt, jullie helpen altijd zo goed!", "Wat een fijne bot trouwens :)"),
    negative_notes=("Dit is echt vervelend.", "Ik ben het zat om dit steeds weer te vragen!"),
    positive_closings=(
        ("Super, hartelijk dank!", "Graag gedaan! Een fijne dag nog."),
        ("Top, precies wat ik wilde weten 😊", "Fijn dat ik kon helpen!"),
    ),
    negative_closings=(
        ("Hier heb ik helemaal niets aan.", "Het spijt me. Ik geef je opmerking door."),
        ("Wat een waardeloos antwoord, ik wacht al weken!", "Ik begrijp dat dit frustrerend is, het spijt me."),
    ),
    escalations=(
        (
            "Ik wil een leidinggevende spreken.",
            "Dat begrijp ik. Ik vraag je leidinggevende om je vandaag terug te bellen.",
        ),
        ("Mag ik hier een manager over spreken?", "Zeker, ik heb je vraag doorgezet naar de dienstdoende manager."),
    ),
    hr_forwards=(
        ("Bij wie van HR kan ik hiervoor terecht?", "Je bereikt HR via hr@personeel.example of toestel 4400."),
        (
            "Breng me alsjeblieft in contact met HR.",
            "Ik heb je vraag doorgestuurd naar HR. Je krijgt binnen {number} werkdagen antwoord.",
        ),
    ),
)
